/* SPDX-License-Identifier: MIT */
#include "test_fault.h"

#include "fault/symbolize.h"

#include <stdlib.h>

/* The tests are linked with the backend, which users get as a module. */
bool sffi__backend_exists(void)
{
	return true;
}

int main(void)
{
	Suite *suite = suite_create("fault");
	SRunner *runner;
	int failed;

	suite_add_tcase(suite, test_fault_maps());
	suite_add_tcase(suite, test_fault_classify());
	suite_add_tcase(suite, test_fault_symbolize());
	suite_add_tcase(suite, test_fault_report());
	suite_add_tcase(suite, test_fault_garbage());
	runner = srunner_create(suite);
	srunner_set_tap(runner, "-");
	srunner_run_all(runner, CK_SILENT);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
