/* SPDX-License-Identifier: MIT */
#include "worker/table.h"

#include "worker/own.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

static bool add(int fd, void *data)
{
	struct table **table = data, *grown = *table;
	size_t count = grown->count;
	struct stat status;

	if (fstat(fd, &status))
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

/* Workers and zygote have some of them a second time. What has no file of its own has the inode
 * of many others; of ours, only process descriptors are had twice. */
static bool is_own(int fd, const struct stat *status, const char *target)
{
	static const char anonymous[] = "anon_inode:", process[] = "anon_inode:[pidfd]";

	if (!strncmp(target, anonymous, strlen(anonymous)) && strcmp(target, process) != 0)
		return sffi__own_is_noted(fd);
	return sffi__own_has(status->st_dev, status->st_ino);
}

struct search {
	const struct table *before;
	sffi_fault *fault;
};

static bool compare(int fd, void *data)
{
	const struct search *search = data;
	sffi_fault *fault = search->fault;
	struct fault_descriptor found = { .number = fd };
	char path[32];
	struct stat status;

	if (fstat(fd, &status) || has(search->before, fd, &status))
		return true;
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	if (readlink(path, found.target, sizeof found.target - 1) < 0 ||
	    is_own(fd, &status, found.target))
		return true;
	if (fault->descriptor_count++ < FAULT_DESCRIPTORS_MAX)
		fault->descriptors[fault->descriptor_count - 1] = found;
	return true;
}

void sffi__table_left(const struct table *before, sffi_fault *fault)
{
	struct search search = { before, fault };
	int saved = errno;

	fault->descriptors = before ? calloc(FAULT_DESCRIPTORS_MAX, sizeof *fault->descriptors) : NULL;
	if (fault->descriptors)
		each(compare, &search);
	errno = saved;
}
