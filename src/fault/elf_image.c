/* SPDX-License-Identifier: MIT */
#include "fault/elf_image.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <link.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

static const off_t size_max = (off_t)1 << 30;

/* Kernel file systems: regular files by name, whose reading may block or act. */
static bool is_kernel_file(int fd)
{
	struct statfs system;

	return fstatfs(fd, &system) < 0 || system.f_type == PROC_SUPER_MAGIC ||
	       system.f_type == SYSFS_MAGIC || system.f_type == DEBUGFS_MAGIC ||
	       system.f_type == TRACEFS_MAGIC;
}

/* O_PATH opens nothing yet; what was looked at is what is opened then. O_NONBLOCK: no
 * waiting for the holder of a lease. */
static int open_regular(const char *path, struct stat *status)
{
	char name[32];
	int handle, fd = -1;

	if (path[0] != '/')
		return -1;
	handle = open(path, O_PATH | O_CLOEXEC);
	if (handle < 0)
		return -1;
	if (fstat(handle, status) == 0 && S_ISREG(status->st_mode) &&
	    status->st_size >= (off_t)sizeof(ElfW(Ehdr)) && status->st_size <= size_max &&
	    !is_kernel_file(handle)) {
		snprintf(name, sizeof name, "/proc/self/fd/%d", handle);
		fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	}
	close(handle);
	return fd;
}

/* How much was read; less than size at the end of the file. */
static size_t read_fully(int fd, void *to, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t got = read(fd, (char *)to + done, size - done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		done += (size_t)got;
	}
	return done;
}

static bool allocate(struct elf_image *image, size_t size)
{
	void *data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (data == MAP_FAILED)
		return false;
	image->data = data;
	image->size = size;
	return true;
}

bool sffi__elf_image_read(struct elf_image *image, const char *path)
{
	struct stat status;
	int fd = open_regular(path, &status);
	bool ok;

	if (fd < 0)
		return false;
	ok = allocate(image, (size_t)status.st_size);
	if (ok) {
		/* Of a file that is cut meanwhile the rest stays zero. */
		read_fully(fd, image->data, image->size);
		ok = !memcmp(image->data, ELFMAG, SELFMAG);
		if (!ok)
			sffi__elf_image_free(image);
	}
	close(fd);
	return ok;
}

bool sffi__elf_image_vdso(struct elf_image *image)
{
	const ElfW(Ehdr) *header = (const void *)getauxval(AT_SYSINFO_EHDR);

	/* The section headers are the last thing in it. */
	if (!header || !allocate(image, header->e_shoff + header->e_shnum * header->e_shentsize))
		return false;
	memcpy(image->data, header, image->size);
	return true;
}

void sffi__elf_image_free(struct elf_image *image)
{
	if (image->data)
		munmap(image->data, image->size);
	image->data = NULL;
	image->size = 0;
}

bool sffi__elf_identity(const char *path, char *to, size_t size)
{
	struct stat status;

	if (path[0] != '/' || stat(path, &status) < 0 || !S_ISREG(status.st_mode))
		return false;
	snprintf(to, size, "%" PRIxMAX ":%" PRIxMAX ":%" PRIxMAX ":%" PRIxMAX ".%09ld",
		 (uintmax_t)status.st_dev, (uintmax_t)status.st_ino, (uintmax_t)status.st_size,
		 (uintmax_t)status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
	return true;
}

/* CRC-32 as .gnu_debuglink wants it (GDB manual, "Separate Debug Files"). */
static uint32_t checksum_add(uint32_t checksum, const unsigned char *data, size_t size)
{
	checksum = ~checksum;
	for (size_t i = 0; i < size; i++) {
		static const uint32_t table[16] = {
			0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
			0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
			0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
			0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
		};

		checksum ^= data[i];
		checksum = checksum >> 4 ^ table[checksum & 15];
		checksum = checksum >> 4 ^ table[checksum & 15];
	}
	return ~checksum;
}

static bool write_fully(int fd, const char *from, size_t size)
{
	while (size) {
		ssize_t put = write(fd, from, size);

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return false;
		from += put;
		size -= (size_t)put;
	}
	return true;
}

int sffi__elf_copy(const char *path, const uint32_t *checksum)
{
	char buffer[32 * 1024];
	struct stat status;
	uint32_t sum = 0;
	size_t got;
	off_t total = 0;
	int from = open_regular(path, &status), to;

	if (from < 0)
		return -1;
	to = memfd_create("debug", MFD_CLOEXEC);
	while (to >= 0 && (got = read_fully(from, buffer, sizeof buffer)) > 0) {
		total += (off_t)got;
		if (checksum)
			sum = checksum_add(sum, (unsigned char *)buffer, got);
		if (total > size_max || !write_fully(to, buffer, got)) {
			close(to);
			to = -1;
		}
	}
	close(from);
	if (to >= 0 && checksum && sum != *checksum) {
		close(to);
		return -1;
	}
	return to;
}
