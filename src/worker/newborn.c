/* SPDX-License-Identifier: MIT */
/*
 * A clone of a process with threads may have been made while another thread, which the
 * clone does not have, held a lock of the C library. Nothing tells; so the newborn uses all
 * that a callee will need. If it hangs or dies, it is made again (zygote.c).
 */
#include "worker/zygote_protocol.h"

#include <dlfcn.h>
#include <link.h>
#include <locale.h>
#include <pwd.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* glibc's list of all streams, linked by _chain: exported for libio's users since 2.2.5. */
extern struct _IO_FILE_plus _IO_list_all __attribute__((weak));

void sffi__newborn_reset_stdio(void)
{
	/* struct _IO_lock_t: { int lock; int count; void *owner; }, as fork resets it. */
	enum { LOCK_SIZE = 16 };

	if (!&_IO_list_all)
		return;
	for (FILE *file = *(FILE **)&_IO_list_all; file; file = file->_chain) {
		if (file->_lock)
			memset(file->_lock, 0, LOCK_SIZE);
		/* What the host has not written yet, the host will write. */
		__fpurge(file);
	}
}

static void prove_allocator(void)
{
	void *blocks[64];

	for (int i = 0; i < 64; i++)
		blocks[i] = malloc((size_t)8 << (i % 16));
	for (int i = 0; i < 64; i += 2)
		free(blocks[i]);
	for (int i = 1; i < 64; i += 2)
		blocks[i] = realloc(blocks[i], (size_t)24 << (i % 14));
	for (int i = 1; i < 64; i += 2)
		free(blocks[i]);
}

static void prove_environment(void)
{
	extern char **environ;
	size_t length = 0;

	setenv("SAFEFFI_NEWBORN", "1", 1);
	unsetenv("SAFEFFI_NEWBORN");
	for (char **entry = environ; entry && *entry; entry++)
		length += strlen(*entry);
	if (length == (size_t)-1)
		abort();
}

static void prove_time_zone(void)
{
	time_t now = time(NULL);
	struct tm fields;
	char text[64];

	tzset();
	localtime_r(&now, &fields);
	strftime(text, sizeof text, "%c %Z", &fields);
}

static void prove_locale(void)
{
	locale_t locale = newlocale(LC_ALL_MASK, "C", NULL);
	const char *name = setlocale(LC_ALL, NULL);

	/* The lock is only taken to change the locale: to what it is already. */
	if (name)
		setlocale(LC_ALL, name);
	if (locale)
		freelocale(locale);
}

static void prove_stdio(void)
{
	FILE *null = fopen("/dev/null", "w");

	if (!null)
		return;
	fprintf(null, "%f %ld", 1.5, (long)rand());
	fclose(null);
	fflush(NULL);
}

static int count_object(struct dl_phdr_info *info, size_t size, void *data)
{
	(void)info, (void)size;
	++*(int *)data;
	return 0;
}

static void prove_loader(void)
{
	int objects = 0;
	void *self = dlopen(NULL, RTLD_NOW);
	void *math = dlopen("libm.so.6", RTLD_NOW);

	dl_iterate_phdr(count_object, &objects);
	if (math) {
		dlsym(math, "cos");
		dlclose(math);
	}
	if (self)
		dlclose(self);
}

static void prove_accounts(void)
{
	char text[4096];
	struct passwd entry, *found;

	getpwuid_r(getuid(), &entry, text, sizeof text, &found);
}

void sffi__newborn_prove(void)
{
	prove_allocator();
	prove_environment();
	prove_time_zone();
	prove_locale();
	prove_stdio();
	prove_loader();
	prove_accounts();
	prove_allocator();
}
