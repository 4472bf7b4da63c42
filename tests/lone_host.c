/* SPDX-License-Identifier: MIT */
#include "lone_host.h"

#include <string.h>
#include <sys/wait.h>

sffi_domain *open_domain(unsigned share)
{
	sffi_domain *domain = NULL;
	sffi_options options;

	test_options(&options);
	options.share = share;
	require(!sffi_domain_open(&domain, &options));
	return domain;
}

sffi_function *function_of(sffi_domain *domain, const char *victim, const char *declaration)
{
	sffi_function *function = NULL;
	sffi_library *library = NULL;

	require(!sffi_library_open(&library, domain, test_victim(victim)));
	require(!sffi_function_get(&function, library, declaration));
	return function;
}

void require_adds(sffi_function *add)
{
	int sum = 0;

	require(!sffi_call(add, &sum, 2, 3) && sum == 5);
}

char *report_of(sffi_status print(const sffi_fault *, FILE *))
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	require(file && sffi_last_fault() && !print(sffi_last_fault(), file) && !fclose(file));
	return text;
}

void run_host(void (*host)(void))
{
	int status = 0;
	pid_t pid = fork();

	if (!pid) {
		host();
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && !WEXITSTATUS(status), "the host ended with %#x", status);
}

int count_open(void)
{
	char path[32], target[64] = "";
	int count = 0;

	for (int fd = 0; fd < NUMBERS; fd++) {
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
		if (readlink(path, target, sizeof target - 1) > 0)
			count += strncmp(target, "anon_inode:[pidfd]", strlen("anon_inode:[pidfd]")) != 0;
	}
	return count;
}
