/* SPDX-License-Identifier: MIT */
/*
 * Callees on a stack of their own: arguments and results, giving way and going on, one below
 * another that waits, and ending by a fault; and each time whether both sides find their
 * callee-saved registers as they left them.
 */
#include "abi/fiber.h"
#include "saved.h"

#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { STACK_SIZE = 512 * 1024, DEPTH_MAX = 4, LEAVES_MAX = 5 };

static char *stack;
static struct fiber_registers registers;
static struct call_result result;
static unsigned checks, failures;

#define CHECK(condition) check((condition), #condition, __LINE__)

static void check(bool right, const char *what, int line)
{
	checks++;
	if (!right && failures++ < 20)
		fprintf(stderr, "line %d: not so: %s\n", line, what);
}

/* Not needed here, but linked: sffi__enter, and callees that throw. */
void sffi__enter_unwound(struct enter_guard *);
void sffi__personality(void);
void sffi__fiber_personality(void);

void sffi__enter_unwound(struct enter_guard *guard)
{
	(void)guard;
	abort();
}

void sffi__personality(void)
{
	abort();
}

void sffi__fiber_personality(void)
{
	abort();
}

static bool is_on_stack(const void *address)
{
	return (uintptr_t)address - (uintptr_t)stack < STACK_SIZE;
}

static void *stack_top(void)
{
	return stack + STACK_SIZE;
}

/* Calls the function, and checks the registers; `seed` makes values of its own. */
static uint64_t call_saved(uintptr_t function, uint64_t first, uint64_t second, uint64_t third,
			   uint64_t seed)
{
	uint64_t before[SAVED_MAX] = { 0 }, after[SAVED_MAX] = { 0 };
	uint64_t arguments[3] = { first, second, third }, value;

	for (unsigned i = 0; i < saved_count; i++)
		before[i] = seed * UINT64_C(0x1122334455667788) * (i + 1);
	value = saved_call(function, arguments, before, after);
	CHECK(!memcmp(before, after, saved_count * sizeof *before));
	CHECK(after[saved_count] == after[saved_count + 1]);
	return value;
}

static fiber_event enter(const struct call_frame *frame, void *top)
{
	fiber_event event;

	registers.result = &result;
	event = call_saved((uintptr_t)sffi__fiber_enter, (uintptr_t)&registers, (uintptr_t)frame,
			   (uintptr_t)top, 3);
	CHECK(!registers.active);
	return event;
}

static fiber_event resume(void)
{
	fiber_event event = call_saved((uintptr_t)sffi__fiber_resume, (uintptr_t)&registers, 0, 0, 5);

	CHECK(!registers.active);
	return event;
}

/* ---- arguments and results --------------------------------------------------------------- */

struct four {
	double a, b, c, d;
};

struct large {
	long words[100];
};

static double mixed(long a, double b, long c, float d, long e, long f, long g, long h, long i, long j,
		    double k, double l, double m, double n, double o, double p, double q, double r,
		    signed char s, long t)
{
	CHECK(is_on_stack(__builtin_frame_address(0)));
	CHECK(registers.active);
	return (double)(a + 2 * c + 3 * e + 4 * f + 5 * g + 6 * h + 7 * i + 8 * j + 9 * s + 10 * t) +
	       11 * b + 12 * d + 13 * k + 14 * l + 15 * m + 16 * n + 17 * o + 18 * p + 19 * q + 20 * r;
}

static struct four turn(struct four from)
{
	return (struct four){ from.d, from.a, from.b, from.c };
}

static long double _Complex half(long double _Complex from)
{
	return from / 2;
}

static long sum(long first, struct large large)
{
	for (int i = 0; i < 100; i++)
		first = first * 31 % 1000003 + large.words[i];
	return first;
}

/* By a plan, as the host does it. */
static void call(const char *declaration, void *function, const void *const *arguments, void *to)
{
	static _Alignas(64) char memory[4096];
	static uint64_t words[512];
	struct call_frame frame = { .target = (uintptr_t)function };
	const struct function_type *type;
	struct scope *scope = sffi__scope_new(NULL);
	struct abi_plan *plan;
	const char *name;

	if (!scope ||
	    sffi__scope_declare(scope, "struct four { double a, b, c, d; }; struct large { long words[100]; };") ||
	    sffi__scope_declare_function(scope, declaration, &name, &type) || sffi__abi_plan(type, &plan)) {
		fprintf(stderr, "%s: %s\n", declaration, sffi_error());
		exit(1);
	}
	memset(&result, 0x5a, sizeof result);
	sffi__abi_load(plan, arguments, &frame, words, memory);
	CHECK(enter(&frame, stack_top()) == FIBER_RETURNED);
	if (plan->result_in_memory)
		memcpy(to, memory, plan->result->size);
	else
		sffi__abi_result(plan, &result, to);
	free(plan);
	sffi__scope_free(scope);
}

static void test_mixed(void)
{
	long integers[10] = { 1, -20, 300, -4000, 50000, -600000, 7000000, -80000000, 900000000, 10 };
	double reals[9] = { 0.5, -1.25, 2, 4, 8, 16, 32, 64, 128 }, value = 0;
	float single = 0.75f;
	signed char narrow = -7;
	const void *arguments[] = {
		&integers[0], &reals[0], &integers[1], &single, &integers[2], &integers[3], &integers[4],
		&integers[5], &integers[6], &integers[7], &reals[1], &reals[2], &reals[3], &reals[4],
		&reals[5], &reals[6], &reals[7], &reals[8], &narrow, &integers[8],
	};
	double integer_part = 1 - 40 + 900 - 16000 + 250000 - 3600000 + 49000000 - 640000000 - 63 + 9e9;
	double real_part = 5.5 + 9 - 16.25 + 28 + 60 + 128 + 272 + 576 + 1216;

	call("double mixed(long, double, long, float, long, long, long, long, long, long, double, double, "
	     "double, double, double, double, double, double, signed char, long)",
	     (void *)mixed, arguments, &value);
	CHECK(value == integer_part + real_part + 20 * 128);
}

static void test_structs(void)
{
	struct four four = { 1, 2, 3, 4 }, turned;
	struct large large;
	long first = 5, expected = 5, total;
	long double _Complex complex = 3 + 8.0L * __builtin_complex(0.0L, 1.0L), halved;

	call("struct four turn(struct four)", (void *)turn, (const void *[]){ &four }, &turned);
	CHECK(turned.a == 4 && turned.b == 1 && turned.c == 2 && turned.d == 3);
	call("long double _Complex half(long double _Complex)", (void *)half,
	     (const void *[]){ &complex }, &halved);
	CHECK(__real__ halved == 1.5L && __imag__ halved == 4);
	for (int i = 0; i < 100; i++) {
		large.words[i] = i * 7919;
		expected = expected * 31 % 1000003 + large.words[i];
	}
	call("long sum(long, struct large)", (void *)sum, (const void *[]){ &first, &large }, &total);
	CHECK(total == expected);
}

/* ---- giving way ---------------------------------------------------------------------------- */

static struct call_frame frame_of(uint64_t (*function)(uint64_t), uint64_t value)
{
	return (struct call_frame){
		.stack_alignment = 4,
		.target = (uintptr_t)saved_callee,
		.integer = { (uintptr_t)function, value },
	};
}

/* As often as it is told. */
static uint64_t leaving(uint64_t times)
{
	char here = 0;

	CHECK(is_on_stack(__builtin_frame_address(0)));
	for (uint64_t i = 0; i < times; i++, here++) {
		CHECK(registers.active);
		call_saved((uintptr_t)sffi__fiber_leave, (uintptr_t)&registers, 10 + i, 0, 7 + i);
	}
	return times * 3 + (uint64_t)here;
}

static void test_leave(void)
{
	for (uint64_t times = 0; times <= LEAVES_MAX; times++) {
		struct call_frame frame = frame_of(leaving, times);
		fiber_event event = enter(&frame, stack_top());

		for (uint64_t i = 0; i < times; i++) {
			CHECK(event == 10 + i);
			CHECK(is_on_stack((void *)registers.callee_sp));
			event = resume();
		}
		CHECK(event == FIBER_RETURNED);
		CHECK(result.integer[0] == times * 4);
	}
}

/* ---- a fault ----------------------------------------------------------------------------------- */

static void on_fault(int signal, siginfo_t *info, void *context)
{
	(void)signal, (void)info;
	if (!registers.active)
		_exit(3);
	sffi__machine_land(context, &registers, FIBER_FAULTED);
}

static void spoil(void *top)
{
	static volatile long double one = 1;
	struct call_frame frame = { .stack_alignment = 4, .target = (uintptr_t)saved_spoil };
	uint64_t modes = saved_modes();

	memset(&result, 0x5a, sizeof result);
	CHECK(enter(&frame, top) == FIBER_FAULTED);
	CHECK(saved_modes() == modes);
	/* Not a number while the callee's values are on the x87 stack. */
	CHECK(one / 4 == 0.25L);
	CHECK(result.integer[0] == UINT64_C(0x5a5a5a5a5a5a5a5a));
}

static void test_fault(void)
{
	for (int i = 0; i < 100; i++) {
		spoil(stack_top());
		test_leave();
	}
}

/* ---- below a callee that waits ------------------------------------------------------------ */

static void *below_waiting(void)
{
	return (void *)(registers.callee_sp & ~(uint64_t)15);
}

/* Callees each below the other; what runs below is over when the one above goes on. */
static void nest(unsigned depth, void *top)
{
	struct call_frame frame = frame_of(leaving, 3);
	struct fiber_registers waiting;

	CHECK(enter(&frame, top) == 10);
	waiting = registers;
	if (depth < DEPTH_MAX)
		nest(depth + 1, below_waiting());
	else
		spoil(below_waiting());
	registers = waiting;
	CHECK(resume() == 11);
	waiting = registers;
	spoil(below_waiting());
	registers = waiting;
	CHECK(resume() == 12);
	CHECK(resume() == FIBER_RETURNED);
	CHECK(result.integer[0] == 12);
}

/* ---- a longjmp to a call that is over -------------------------------------------------------- */

static jmp_buf stale;

static uint64_t jumping(uint64_t value)
{
	if (value)
		longjmp(stale, 1);
	return (uint64_t)setjmp(stale);
}

static void test_unwound(void)
{
	struct call_frame first = { .stack_alignment = 4, .target = (uintptr_t)jumping };
	struct call_frame second = first;

	second.integer[0] = 1;
	CHECK(enter(&first, stack_top()) == FIBER_RETURNED);
	/* Its frames have to be there still. */
	CHECK(enter(&second, stack + STACK_SIZE / 2) == FIBER_UNWOUND);
}

/* ---- all ----------------------------------------------------------------------------------------- */

static void *map(size_t size)
{
	void *mapped = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (mapped == MAP_FAILED)
		abort();
	return mapped;
}

int main(void)
{
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	stack_t alternate = { .ss_size = 64 * 1024 };

	stack = map(STACK_SIZE);
	alternate.ss_sp = map(alternate.ss_size);
	sigaltstack(&alternate, NULL);
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	test_mixed();
	test_structs();
	test_leave();
	test_fault();
	nest(1, stack_top());
	test_unwound();
	printf("%u checks, %u failures\n", checks, failures);
	return failures != 0;
}
