/* SPDX-License-Identifier: MIT */
/* A library that calls back. */
#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef int unary(int);

int apply(int (*function)(int), int value)
{
	return function(value);
}

/* The results, added up. */
int apply_times(int (*function)(int), int times)
{
	int sum = 0;

	for (int i = 0; i < times; i++)
		sum += function(i);
	return sum;
}

static _Thread_local int tls_depth;

/* Descends through the host: the host's function calls back into here. */
int descend(int (*function)(int), int depth)
{
	int result;

	tls_depth++;
	result = depth ? function(depth - 1) + 1 : tls_depth;
	tls_depth--;
	return result;
}

struct point {
	double x, y;
};
struct wide {
	long words[12];
};

double apply_point(double (*function)(struct point), double x, double y)
{
	return function((struct point){ x, y });
}

struct point make_point(struct point (*function)(double, double), double x, double y)
{
	return function(x, y);
}

long apply_wide(struct wide (*function)(struct wide, long double), long double scale)
{
	struct wide wide, result;
	long sum = 0;

	for (int i = 0; i < 12; i++)
		wide.words[i] = i;
	result = function(wide, scale);
	for (int i = 0; i < 12; i++)
		sum += result.words[i];
	return sum;
}

/* A struct of options as libraries have them. */
struct options {
	int version;
	int (*progress)(const char *what, int percent, void *payload);
	void *payload;
	const char *name;
};

int work_with(const struct options *options, int steps)
{
	for (int i = 1; i <= steps; i++)
		if (options->progress) {
			int stop = options->progress(options->name, 100 * i / steps, options->payload);

			if (stop)
				return stop;
		}
	return 0;
}

static struct options kept;

void keep_options(const struct options *options)
{
	kept = *options;
	kept.name = "kept";
}

int use_kept(int steps)
{
	return work_with(&kept, steps);
}

/* Gives the host's function memory of its own to read and to change. */
int each_word(char *text, int (*function)(const char *word, int *length, size_t n,
					  const uint8_t bytes[]))
{
	char copy[256], *rest = NULL;
	int sum = 0;

	strncpy(copy, text, sizeof copy - 1);
	copy[sizeof copy - 1] = '\0';
	for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		int length = (int)strlen(word);

		sum += function(word, &length, strlen(word), (const uint8_t *)word);
		sum += 1000 * length;
	}
	return sum;
}

size_t length_of_answer(const char *(*function)(int), int value)
{
	const char *text = function(value);

	return text ? strlen(text) : 0;
}

const char *hand_on(const char *(*function)(int), int value)
{
	return function(value);
}

/* What it writes to the host's struct through a pointer. */
int read_pointer(int (*function)(const int *), const int *address)
{
	return function(address);
}

int keep_errno(int (*function)(int))
{
	errno = ENOTTY;
	function(1);
	return errno;
}

static int (*remembered)(int);

void remember(int (*function)(int))
{
	remembered = function;
}

int call_remembered(int value)
{
	return remembered(value);
}

void call_garbage(void)
{
	/* Behind the last thunk that there is, in the same page. */
	((void (*)(void))((char *)remembered + 16 * 10))();
}

struct job {
	int (*function)(int);
	int value, result;
	pthread_t thread;
};

static void *run_job(void *data)
{
	struct job *job = data;

	job->result = job->function(job->value);
	return NULL;
}

/* On threads of its own, all at once; waits for them. */
int on_threads(int (*function)(int), int count)
{
	struct job *jobs = calloc((size_t)count, sizeof *jobs);
	int sum = 0;

	for (int i = 0; i < count; i++) {
		jobs[i].function = function;
		jobs[i].value = i;
		pthread_create(&jobs[i].thread, NULL, run_job, &jobs[i]);
	}
	for (int i = 0; i < count; i++) {
		pthread_join(jobs[i].thread, NULL);
		sum += jobs[i].result;
	}
	free(jobs);
	return sum;
}

static struct job later;

/* Returns at once; the thread goes on. */
void start_thread(int (*function)(int), int value)
{
	later.function = function;
	later.value = value;
	pthread_create(&later.thread, NULL, run_job, &later);
}

int join_thread(void)
{
	pthread_join(later.thread, NULL);
	return later.result;
}

static _Thread_local int own;

int set_own(int value)
{
	int before = own;

	own = value;
	return before;
}

int crash_if(int yes)
{
	if (yes)
		*(volatile int *)0 = 1;
	return 5;
}

/* Waits for a byte from the host. */
int wait_for_byte(int descriptor)
{
	unsigned char byte = 0;

	return read(descriptor, &byte, 1) == 1 ? byte : -1;
}

/* Calls back for ever. */
void pester(int (*function)(int))
{
	for (;;)
		function(0);
}

/* Never returns. */
void loop(void)
{
	for (;;)
		__asm__ volatile("");
}

struct node {
	int *numbers;
	const char *label;
	int count;
};

/* Changes what a struct points to, and a plain array. */
int fill(int array[], int count, struct node *node)
{
	for (int i = 0; i < count; i++)
		array[i] = i * i;
	node->count = count;
	return (int)strlen(node->label);
}

const char *name_it(int value)
{
	static char text[32];

	snprintf(text, sizeof text, "number %d", value);
	return text;
}

/* Leaves it to the handler what becomes of the call. */
int guarded(int (*function)(int), int value)
{
	char large[4096];
	int result;

	memset(large, value, sizeof large);
	result = function(value);
	return result + large[17] - value;
}
