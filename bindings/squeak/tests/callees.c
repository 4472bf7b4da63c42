/* SPDX-License-Identifier: MIT */
/* What the Smalltalk tests call. */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool not_bool(bool value) { return !value; }
uint8_t add_byte(uint8_t a, uint8_t b) { return a + b; }
int8_t add_sbyte(int8_t a, int8_t b) { return a + b; }
uint16_t add_ushort(uint16_t a, uint16_t b) { return a + b; }
int16_t add_short(int16_t a, int16_t b) { return a + b; }
uint32_t add_ulong(uint32_t a, uint32_t b) { return a + b; }
int32_t add_long(int32_t a, int32_t b) { return a + b; }
uint64_t add_ulonglong(uint64_t a, uint64_t b) { return a + b; }
int64_t add_longlong(int64_t a, int64_t b) { return a + b; }
char next_char(char c) { return c + 1; }
signed char next_schar(signed char c) { return c + 1; }
float add_float(float a, float b) { return a + b; }
double add_double(double a, double b) { return a + b; }
void nothing(void) { }

struct point {
	int32_t x;
	double y;
};

struct point mirror(struct point p)
{
	return (struct point){ -p.x, -p.y };
}

void move(struct point *p, int32_t by)
{
	p->x += by;
}

struct point *make_point(int32_t x, double y)
{
	struct point *p = malloc(sizeof *p);

	*p = (struct point){ x, y };
	return p;
}

struct nested {
	char tag;
	struct point at;
	const char *text;
};

double nested_sum(struct nested n)
{
	return n.tag + n.at.x + n.at.y + (n.text ? (double)strlen(n.text) : 0);
}

/* In and out. */
void reverse(uint8_t *bytes, uint32_t count)
{
	for (uint32_t i = 0; i < count / 2; i++) {
		uint8_t byte = bytes[i];

		bytes[i] = bytes[count - 1 - i];
		bytes[count - 1 - i] = byte;
	}
}

uint32_t sum_words(const uint32_t *words, uint32_t count)
{
	uint32_t sum = 0;

	while (count--)
		sum += *words++;
	return sum;
}

int32_t set_errno(int32_t value)
{
	errno = value;
	return value ? -1 : 0;
}

/* A page of its own, beside nothing. */
void *wild(void)
{
	return (void *)0x123456789000;
}

int32_t counter;

int32_t count_up(void)
{
	return ++counter;
}

__thread int32_t mine;

int32_t my_count(void)
{
	return ++mine;
}

void for_ever(void)
{
	for (volatile int i = 0;; i++)
		;
}

/* Who waits here waits until another call opens. */
static sem_t gate;

int32_t wait_at_gate(void)
{
	while (sem_wait(&gate))
		;
	return 7;
}

void open_gate(void)
{
	sem_post(&gate);
}

int32_t crash(int32_t *where)
{
	return *where = 1;
}

int32_t poke_at(uint64_t address)
{
	return *(volatile unsigned char *)(uintptr_t)address = 1;
}

void *the_abort(void)
{
	abort();
}

/* Callbacks. */
int32_t twice(int32_t (*f)(int32_t), int32_t value)
{
	return f(f(value));
}

double apply(double (*f)(double, const char *), double value)
{
	return f(value, "text");
}

static int32_t (*stored)(int32_t);

void store(int32_t (*f)(int32_t))
{
	stored = f;
}

int32_t call_stored(int32_t value)
{
	return stored(value);
}

struct handler {
	int32_t (*f)(int32_t);
	int32_t value;
};

int32_t run_handler(struct handler *handler)
{
	return handler->f(handler->value);
}

static void *in_thread(void *value)
{
	return (void *)(intptr_t)stored((int32_t)(intptr_t)value);
}

static pthread_t thread;

void start_thread(int32_t value)
{
	pthread_create(&thread, NULL, in_thread, (void *)(intptr_t)value);
}

int32_t thread_result(void)
{
	void *result;

	pthread_join(thread, &result);
	return (int32_t)(intptr_t)result;
}
