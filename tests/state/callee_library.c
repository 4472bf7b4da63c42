/* SPDX-License-Identifier: MIT */
/* What is in memory: environment, locale, the state of the C library and of this one. */
#include "callee.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <langinfo.h>
#include <locale.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- environment, locale, time zone ------------------------------------------------------ */

const char *get_variable(const char *name)
{
	return getenv(name);
}

int set_variable(const char *name, const char *value)
{
	return value ? setenv(name, value, 1) : unsetenv(name);
}

int count_variables(void)
{
	extern char **environ;
	int count = 0;

	while (environ && environ[count])
		count++;
	return count;
}

const char *encoding(void)
{
	return nl_langinfo(CODESET);
}

const char *set_locale(const char *name)
{
	return setlocale(LC_ALL, name);
}

/* For this thread. */
int use_locale(const char *name)
{
	locale_t made = newlocale(LC_ALL_MASK, name, (locale_t)0);

	return made && uselocale(made) ? 0 : -1;
}

int local_hour(long when)
{
	time_t time = when;
	struct tm *fields = localtime(&time);

	return fields->tm_hour * 100 + fields->tm_min;
}

/* ---- the library's own state ------------------------------------------------------------- */

int fail_with(int error)
{
	errno = error;
	return -1;
}

static char sentence[] = "one two three";

const char *next_word(int first)
{
	return strtok(first ? sentence : NULL, " ");
}

int counter;

int count_up(void)
{
	return ++counter;
}

static __thread int mine;

int count_mine(void)
{
	return ++mine;
}

static pthread_key_t key;
static char ended_path[256];

static void at_thread_end(void *value)
{
	int fd = open(ended_path, O_WRONLY | O_CREAT | O_APPEND, 0666);

	if (fd >= 0 && write(fd, value, 1) == 1)
		close(fd);
}

int make_key(const char *path)
{
	snprintf(ended_path, sizeof ended_path, "%s", path);
	return pthread_key_create(&key, at_thread_end);
}

int set_key(void)
{
	return pthread_setspecific(key, "x");
}

void seed(int by)
{
	srand((unsigned)by);
}

int random_number(void)
{
	return rand();
}

/* Reseeds itself when it finds itself in another process, as such generators do. */
int guarded_random(void)
{
	static unsigned long pool;
	static pid_t owner;

	if (owner != getpid()) {
		owner = getpid();
		pool = (unsigned long)owner * 2654435761u ^ (unsigned long)time(NULL);
	}
	pool = pool * 6364136223846793005u + 1442695040888963407u;
	return (int)(pool >> 33);
}

int parse_options(void)
{
	char *arguments[] = { "x", "-a", "-b", "rest", NULL };

	optind = 1;
	while (getopt(4, arguments, "ab") != -1)
		;
	return optind;
}

int load_math(void)
{
	void *math = dlopen("libm.so.6", RTLD_NOW);
	double (*cosine)(double) = (double (*)(double))dlsym(math, "cos");

	return cosine ? (int)(cosine(0) * 100) : -1;
}

static void at_exit_of_process(void)
{
	int fd = open(ended_path, O_WRONLY | O_CREAT, 0666);

	if (fd >= 0 && write(fd, "ended", 5) == 5)
		close(fd);
}

int at_exit(const char *path)
{
	snprintf(ended_path, sizeof ended_path, "%s", path);
	return atexit(at_exit_of_process);
}

static void *add_in_thread(void *data)
{
	counter += 40;
	return data;
}

int run_thread(void)
{
	pthread_t thread;

	counter = 2;
	if (pthread_create(&thread, NULL, add_in_thread, NULL))
		return -1;
	pthread_join(thread, NULL);
	return counter;
}

static void *wait_and_write(void *data)
{
	int fd = open("from-thread", O_WRONLY | O_CREAT, 0666), go = (int)(intptr_t)data;
	char byte;

	if (read(go, &byte, 1) != 1 || write(fd, "later", 5) != 5)
		return NULL;
	close(fd);
	return NULL;
}

/* A thread that goes on when the call is over. */
int leave_thread(int go)
{
	pthread_t thread;

	return pthread_create(&thread, NULL, wait_and_write, (void *)(intptr_t)go);
}

/* ---- memory ------------------------------------------------------------------------------ */

char *make_text(const char *text)
{
	return strdup(text);
}

void *make_block(int size)
{
	return calloc(1, (size_t)size);
}

void drop_block(void *block)
{
	free(block);
}

int sum(const int *numbers, int count)
{
	int total = 0;

	for (int i = 0; i < count; i++)
		total += numbers[i];
	return total;
}

static const int *kept;

void keep_number(const int *number)
{
	kept = number;
}

int kept_number(void)
{
	return *kept;
}
