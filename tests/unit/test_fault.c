/* SPDX-License-Identifier: MIT */
#include "test_fault.h"

#include "fault/symbolize.h"
#include "test_main.h"


/* The tests are linked with the backend, which users get as a module. */
bool sffi__backend_exists(void)
{
	return true;
}

int main(int argc, char **argv)
{
	Suite *suite = suite_create("fault");

	suite_add_tcase(suite, test_fault_maps());
	suite_add_tcase(suite, test_fault_classify());
	suite_add_tcase(suite, test_fault_symbolize());
	suite_add_tcase(suite, test_fault_report());
	suite_add_tcase(suite, test_fault_garbage());
	return test_main(argc, argv, suite);
}
