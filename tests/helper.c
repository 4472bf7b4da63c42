/* SPDX-License-Identifier: MIT */
#include "helper.h"

#include <dirent.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

bool test_is_exec(void)
{
	const char *spawn = getenv("TEST_SPAWN");

	return spawn && !strcmp(spawn, "exec");
}

bool test_is_inside(void)
{
	const char *mode = getenv("SAFEFFI_MODE");

	return mode && *mode && strcmp(mode, "isolated") != 0;
}

int test_times(int times)
{
	enum { REHEARSED = 20, LEAST = 3 };
	const char *mode = getenv("SAFEFFI_MODE");

	if (!mode || strcmp(mode, "rehearsed") != 0)
		return times;
	return times / REHEARSED > LEAST ? times / REHEARSED : LEAST;
}

bool test_is_sanitized(void)
{
	return getenv("TEST_SANITIZED") != NULL;
}

void test_options(sffi_options *options)
{
	sffi_options_init(options);
	/* Callees in process go a quicker way without one, which most of them will. */
	options->timeout_ms = test_is_inside() && !getenv("TEST_TIMEOUT") ? 0 : 60000;
	options->spawn = test_is_exec() ? SFFI_SPAWN_EXEC : SFFI_SPAWN_DEFAULT;
	options->one_thread = getenv("TEST_ONE_THREAD") != NULL;
}

sffi_domain *test_open_with(const sffi_options *options)
{
	sffi_domain *domain = NULL;

	ck_ok(sffi_domain_open(&domain, options));
	ck_assert_ptr_nonnull(domain);
	return domain;
}

sffi_domain *test_open(void)
{
	sffi_options options;

	test_options(&options);
	return test_open_with(&options);
}

const char *test_victim(const char *name)
{
	static char paths[8][4096];
	static unsigned next;
	char *path = paths[next++ % 8];

	snprintf(path, sizeof paths[0], "%s/libvictim_%s.so", VICTIMS, name);
	return path;
}

sffi_library *test_load(sffi_domain *domain, const char *victim)
{
	sffi_library *library = NULL;

	ck_ok(sffi_library_open(&library, domain, test_victim(victim)));
	return library;
}

sffi_function *test_function(sffi_library *library, const char *declaration)
{
	sffi_function *function = NULL;

	ck_ok(sffi_function_get(&function, library, declaration));
	return function;
}

sffi_function *test_victim_function(sffi_domain *domain, const char *victim, const char *declaration)
{
	return test_function(test_load(domain, victim), declaration);
}

void test_still_works(sffi_domain *domain)
{
	sffi_library *library = test_load(domain, "good");
	sffi_function *add = test_function(library, "int add(int a, int b)");
	int sum = 0;

	ck_ok(sffi_call(add, &sum, 2, 3));
	ck_assert_int_eq(sum, 5);
	sffi_function_release(&add);
	sffi_library_close(&library);
}

static int count_entries(const char *path)
{
	DIR *directory = opendir(path);
	int count = 0;

	while (directory && readdir(directory))
		count++;
	if (directory)
		closedir(directory);
	return count;
}

static int count_lines(const char *path)
{
	FILE *file = fopen(path, "r");
	int count = 0, c;

	while (file && (c = getc(file)) != EOF)
		count += c == '\n';
	if (file)
		fclose(file);
	return count;
}

/* The zygote keeps one newborn ready, when it has the time. */
static bool is_reserve(pid_t pid)
{
	char path[64], name[32] = "";
	FILE *file;

	snprintf(path, sizeof path, "/proc/%d/comm", pid);
	file = fopen(path, "r");
	if (file) {
		if (!fgets(name, sizeof name, file))
			name[0] = '\0';
		fclose(file);
	}
	return !strcmp(name, "safeffi-reserve\n");
}

/* Processes whose parent is the given one, theirs included. */
static int count_children(pid_t parent, int depth)
{
	char path[64];
	FILE *file;
	int count = 0, child;

	snprintf(path, sizeof path, "/proc/%d/task/%d/children", parent, parent);
	file = fopen(path, "r");
	while (file && fscanf(file, "%d", &child) == 1)
		if (!is_reserve(child))
			count += 1 + (depth ? count_children(child, depth - 1) : 0);
	if (file)
		fclose(file);
	return count;
}

/* Workers that ended are buried when there is time, at the latest when a domain closes. */
static void settle(void)
{
	sffi_domain *domain = test_open();

	sffi_domain_close(&domain);
}

static struct test_resources count_resources(void)
{
	return (struct test_resources){
		.descriptors = count_entries("/proc/self/fd"),
		.children = count_children(getpid(), 3),
		.threads = count_entries("/proc/self/task"),
		.mappings = count_lines("/proc/self/maps"),
	};
}

struct test_resources test_resources(void)
{
	settle();
	return count_resources();
}

void test_same_resources(struct test_resources before)
{
	/* The host's own heap may gain a mapping; what leaks with every repetition gains three. */
	const int slack = test_is_sanitized() ? 1000 : 2;
	struct test_resources now = { 0 };
	struct timespec pause = { .tv_nsec = 2000000 };

	settle();
	/* Processes end when they end: look again, for up to ten seconds. */
	for (int look = 0; look < 5000; look++) {
		now = count_resources();
		if (now.descriptors <= before.descriptors && now.children <= before.children &&
		    now.threads <= before.threads && now.mappings <= before.mappings + slack)
			return;
		nanosleep(&pause, NULL);
	}
	ck_abort_msg("leaked: descriptors %d -> %d, children %d -> %d, threads %d -> %d, mappings "
		     "%d -> %d", before.descriptors, now.descriptors, before.children, now.children,
		     before.threads, now.threads, before.mappings, now.mappings);
}

void test_until_gone(pid_t pid)
{
	struct timespec pause = { .tv_nsec = 2000000 };

	for (int look = 0; look < 10000; look++) {
		char path[64];

		snprintf(path, sizeof path, "/proc/%d/exe", pid);
		if (access(path, F_OK))
			return;
		nanosleep(&pause, NULL);
	}
	ck_abort_msg("process %d is still there", pid);
}
