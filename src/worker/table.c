/* SPDX-License-Identifier: MIT */
#include "worker/table.h"

#include "os/os.h"
#include "worker/own.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* Calls with each descriptor but the one that it needs for that. */
static bool each(bool (*act)(int fd, void *data), void *data)
{
	DIR *directory = opendir("/proc/self/fd");
	struct dirent *entry;
	bool go_on = true;

	if (!directory)
		return false;
	while (go_on && (entry = readdir(directory))) {
		int fd = atoi(entry->d_name);

		if (*entry->d_name != '.' && fd != dirfd(directory))
			go_on = act(fd, data);
	}
	closedir(directory);
	return go_on;
}

static bool read_target(int fd, char *target, size_t size)
{
	char path[32];
	ssize_t length;

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	length = readlink(path, target, size - 1);
	if (length >= 0)
		target[length] = '\0';
	return length >= 0;
}

/* Workers and zygote have some of them a second time, for a moment. What has no file of its own
 * has the inode of many others; of ours, only process descriptors are had twice. */
static bool is_own(int fd, const struct stat *status, const char *target)
{
	static const char anonymous[] = "anon_inode:", process[] = "anon_inode:[pidfd]";

	if (!strncmp(target, anonymous, strlen(anonymous)) && strcmp(target, process) != 0)
		return sffi__own_is(fd);
	return sffi__own_has(status->st_dev, status->st_ino);
}

static bool add(int fd, void *data)
{
	struct table **table = data, *grown = *table;
	size_t count = grown->count;
	struct stat status;
	char target[64];

	if (fstat(fd, &status) || !read_target(fd, target, sizeof target) || is_own(fd, &status, target))
		return true;
	if (!(count & (count - 1)))
		grown = realloc(grown, sizeof *grown + (count ? 2 * count : 1) * sizeof *grown->entries);
	if (!grown)
		return false;
	grown->entries[grown->count++] = (struct table_entry){ fd, status.st_dev, status.st_ino };
	*table = grown;
	return true;
}

struct table *sffi__table_look(void)
{
	struct table *table = calloc(1, sizeof *table);
	int saved = errno;

	if (table && !each(add, &table)) {
		free(table);
		table = NULL;
	}
	errno = saved;
	return table;
}

static bool has(const struct table *table, int fd, const struct stat *status)
{
	for (size_t i = 0; i < table->count; i++)
		if (table->entries[i].fd == fd)
			return table->entries[i].device == status->st_dev &&
			       table->entries[i].inode == status->st_ino;
	return false;
}

struct search {
	const struct table *before;
	sffi_fault *fault;
};

static void tell(sffi_fault *fault, const struct fault_descriptor *found)
{
	if (fault && fault->descriptors && fault->descriptor_count++ < FAULT_DESCRIPTORS_MAX)
		fault->descriptors[fault->descriptor_count - 1] = *found;
}

static bool had(const struct table *table, int fd)
{
	for (size_t i = 0; i < table->count; i++)
		if (table->entries[i].fd == fd)
			return true;
	return false;
}

static int number_limit(void)
{
	struct rlimit limit;

	return !getrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_cur < OPENED_MAX ? (int)limit.rlim_cur
										 : OPENED_MAX;
}

/* Not where a file of the host's was when the worker was made: a callee that puts another one there
 * does it for the host. The record is the callee's to garble; but it could have closed anything itself. */
static void close_opened(const struct table *before, const struct opened_file *opened, sffi_fault *fault)
{
	int limit = number_limit();

	for (int fd = 0; fd < limit; fd++) {
		struct fault_descriptor found = { .number = fd, .state = DESCRIPTOR_CLOSED };
		struct stat status;

		if (!opened[fd].inode || fstat(fd, &status) || opened[fd].inode != status.st_ino ||
		    opened[fd].device != status.st_dev || had(before, fd) ||
		    !read_target(fd, found.target, sizeof found.target) ||
		    is_own(fd, &status, found.target))
			continue;
		sffi__os_close(fd);
		tell(fault, &found);
	}
}

static bool compare(int fd, void *data)
{
	const struct search *search = data;
	struct fault_descriptor found = { .number = fd, .state = DESCRIPTOR_OPEN };
	struct stat status;

	if (fstat(fd, &status) || has(search->before, fd, &status) ||
	    !read_target(fd, found.target, sizeof found.target) ||
	    is_own(fd, &status, found.target))
		return true;
	tell(search->fault, &found);
	return true;
}

static void tell_gone(const struct table *before, sffi_fault *fault)
{
	for (size_t i = 0; i < before->count; i++) {
		const struct table_entry *entry = &before->entries[i];
		struct fault_descriptor gone = { .number = entry->fd, .state = DESCRIPTOR_GONE };
		struct stat status;

		if (fstat(entry->fd, &status) || status.st_dev != entry->device ||
		    status.st_ino != entry->inode)
			tell(fault, &gone);
	}
}

void sffi__table_settle(const struct table *before, const struct opened_file *opened, sffi_fault *fault)
{
	struct own_losses losses = sffi__own_regain_all();
	struct search search = { before, fault };
	int saved = errno;

	if (fault) {
		fault->own_lost += losses.lost;
		fault->own_regained += losses.regained;
		fault->descriptors = calloc(FAULT_DESCRIPTORS_MAX, sizeof *fault->descriptors);
	}
	/* First what the callee may have left no number for: a look at the table needs one. */
	close_opened(before, opened, fault);
	each(compare, &search);
	tell_gone(before, fault);
	errno = saved;
}
