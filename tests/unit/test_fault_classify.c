/* SPDX-License-Identifier: MIT */
#include "fault/classify.h"
#include "test_fault.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static const char mapped[] =
	"00400000-00401000 r-xp 00000000 fd:01 77   /usr/bin/program\n"
	"00402000-00403000 rw-p 00000000 00:00 0    [heap]\n"
	"10000000-10001000 ---p 00000000 00:00 0 \n"
	"10001000-10003000 rw-p 00000000 00:00 0 \n"
	"200000000000-200000001000 rw-p 00000000 00:00 0 \n"
	"200000100000-200000101000 rw-s 00000000 00:05 99   /tmp/short file\n"
	"200000200000-200000210000 ---p 00000000 00:00 0 \n"
	"210000000000-210000001000 rw-s 00000000 00:05 98   /memfd:arena (deleted)\n";

static const struct {
	int signal, code;
	uintptr_t address;
	char access; /* r, w, x; ?: unknown address; p: w, in a region that is protected */
	enum address_class class;
	const char *words; /* some of them */
} cases[] = {
	{ SIGSEGV, SEGV_MAPERR, 0, 'r', ADDRESS_NULL, "NULL" },
	{ SIGSEGV, SEGV_MAPERR, 0, 'x', ADDRESS_NULL, "called as a function" },
	{ SIGSEGV, SEGV_MAPERR, 8, 'w', ADDRESS_NULL, "NULL plus 8: a member" },
	{ SIGSEGV, SEGV_MAPERR, 65535, 'w', ADDRESS_NULL, "NULL plus 65535" },
	{ SIGSEGV, SEGV_MAPERR, (uintptr_t)-1, 'r', ADDRESS_ERROR_VALUE, "-1: an error value" },
	{ SIGSEGV, SEGV_ACCERR, 0x400010, 'w', ADDRESS_READ_ONLY, "read-only memory of program" },
	{ SIGSEGV, SEGV_ACCERR, 0x402010, 'p', ADDRESS_REGION, "memory that sffi_region_add protects" },
	{ SIGSEGV, SEGV_PKUERR, 0x402010, 'p', ADDRESS_REGION, "memory that sffi_region_add protects" },
	{ SIGSEGV, SEGV_ACCERR, 0x402010, 'x', ADDRESS_NOT_EXECUTABLE, "in [heap]" },
	{ SIGSEGV, SEGV_PKUERR, 0x402010, 'w', ADDRESS_PROTECTION_KEY, "protection key" },
	{ SIGSEGV, SEGV_MAPERR, 0x403010, 'w', ADDRESS_PAST_MAPPING,
	  "16 bytes past the end of [heap]" },
	{ SIGSEGV, SEGV_ACCERR, 0x200000000ff8, 'w', ADDRESS_IN_ARGUMENT, "of argument `in`" },
	{ SIGSEGV, SEGV_MAPERR, 0x200000001004, 'w', ADDRESS_PAST_ARGUMENT,
	  "4 bytes past the end of argument `in` (16 bytes)" },
	{ SIGSEGV, SEGV_MAPERR, 0x1ffffffffff0, 'r', ADDRESS_BEFORE_ARGUMENT,
	  "16 bytes before the start of argument 2 (8 bytes)" },
	{ SIGSEGV, SEGV_ACCERR, 0x3fff00, 'r', ADDRESS_UNMAPPED, "nothing is mapped" },
	{ SIGSEGV, SEGV_ACCERR, 0x200000208000, 'r', ADDRESS_OTHER_GUARD, "without any access" },
	{ SIGSEGV, SEGV_MAPERR, 0x200080000000, 'r', ADDRESS_UNMAPPED, "worker's own range" },
	{ SIGSEGV, SEGV_MAPERR, 0x210000800000, 'r', ADDRESS_ARENA, "in the arena" },
	{ SIGSEGV, SEGV_MAPERR, 0x464544434241, 'r', ADDRESS_UNMAPPED, "the text \"ABCDEF\"" },
	{ SIGSEGV, SI_KERNEL, 0, '?', ADDRESS_UNKNOWN, "rbx holds 0x4141414141414141, the text" },
	{ SIGSEGV, SEGV_ACCERR, 0x10000ff8, 'w', ADDRESS_STACK_GUARD, "stack overflow" },
	{ SIGBUS, BUS_ADRERR, 0x200000100800, 'r', ADDRESS_PAST_FILE, "mapped file short file" },
	{ SIGBUS, BUS_ADRALN, 0x200000100801, 'r', ADDRESS_MISALIGNED, "not aligned" },
	{ SIGSEGV, SI_USER, 0x1234, 'r', ADDRESS_NONE, "" },
	{ SIGFPE, FPE_INTDIV, 0x400010, 'r', ADDRESS_NONE, "" },
};

static void prepare(sffi_fault *fault)
{
	static struct fault_buffer buffers[2] = {
		{ .parameter = 0, .name = "in", .address = 0x200000000ff0, .size = 16 },
		{ .parameter = 1, .address = 0x200000000000, .size = 8 },
	};

	memset(fault, 0, sizeof *fault);
	fault->has_registers = true;
	fault->registers.value[REGISTER_SP] = 0x10001010;
	fault->registers.value[REGISTER_RBX] = 0x4141414141414141;
	fault->buffers = buffers;
	fault->buffer_count = 2;
	fault->zone_low = 0x200000000000;
	fault->zone_high = 0x220000000000;
	fault->arena_low = 0x210000000000;
	fault->arena_high = 0x210040000000;
}

START_TEST(test_classes)
{
	struct address_report report;
	struct maps maps;
	sffi_fault fault;

	prepare(&fault);
	fault.signal = cases[_i].signal;
	fault.code = cases[_i].code;
	fault.address = cases[_i].address;
	fault.address_known = cases[_i].access != '?';
	fault.access_is_write = cases[_i].access == 'w' || cases[_i].access == 'p';
	fault.is_shielded = cases[_i].access == 'p';
	fault.access_is_execute = cases[_i].access == 'x';
	sffi__maps_parse(&maps, mapped);
	sffi__classify(&fault, &maps, &report);
	sffi__maps_free(&maps);
	ck_assert_msg(report.class == cases[_i].class, "0x%lx: %s: %s",
		      (unsigned long)fault.address, sffi__address_class_name(report.class),
		      report.words);
	ck_assert_msg(strstr(report.words, cases[_i].words), "%s", report.words);
}
END_TEST

START_TEST(test_host_memory)
{
	void *block = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct address_report report;
	struct maps maps;
	sffi_fault fault;

	prepare(&fault);
	fault.signal = SIGSEGV;
	fault.code = SEGV_MAPERR;
	fault.address = (uintptr_t)block + 100;
	fault.address_known = true;
	sffi__maps_parse(&maps, mapped);
	sffi__classify(&fault, &maps, &report);
	ck_assert_int_eq(report.class, ADDRESS_HOST);
	munmap(block, 4096);
	sffi__classify(&fault, &maps, &report);
	ck_assert_int_eq(report.class, ADDRESS_UNMAPPED);
	sffi__maps_free(&maps);
}
END_TEST

START_TEST(test_guard_of_callee)
{
	struct address_report report;
	struct maps maps;
	sffi_fault fault;

	prepare(&fault);
	fault.signal = SIGSEGV;
	fault.code = SEGV_ACCERR;
	fault.address = 0x200000200ff8;
	fault.address_known = true;
	fault.stack_guard = 0x200000200000;
	fault.stack_low = 0x200000201000;
	fault.stack_high = 0x200000241000;
	sffi__maps_parse(&maps, mapped);
	sffi__classify(&fault, &maps, &report);
	sffi__maps_free(&maps);
	ck_assert_int_eq(report.class, ADDRESS_STACK_GUARD);
	ck_assert_ptr_nonnull(strstr(report.words, "256 KiB"));
}
END_TEST

START_TEST(test_canonical)
{
	ck_assert(!sffi__is_non_canonical(0));
	ck_assert(!sffi__is_non_canonical(0x7fffffffffff));
	ck_assert(sffi__is_non_canonical(0x800000000000));
	ck_assert(sffi__is_non_canonical(0xffff7fffffffffff));
	ck_assert(!sffi__is_non_canonical(0xffff800000000000));
	ck_assert(!sffi__is_non_canonical(UINT64_MAX));
}
END_TEST

TCase *test_fault_classify(void)
{
	TCase *tcase = tcase_create("classify");

	tcase_add_loop_test(tcase, test_classes, 0, sizeof cases / sizeof *cases);
	tcase_add_test(tcase, test_host_memory);
	tcase_add_test(tcase, test_guard_of_callee);
	tcase_add_test(tcase, test_canonical);
	return tcase;
}
