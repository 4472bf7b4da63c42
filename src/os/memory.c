/* SPDX-License-Identifier: MIT */
#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

void *sffi__os_map(void *address, size_t size, int protection, int flags, int fd)
{
	int saved = errno;
	void *mapped = mmap(address, size, protection, flags, fd, 0);

	if (mapped == MAP_FAILED) {
		mapped = (void *)(intptr_t)-errno;
		errno = saved;
	}
	return mapped;
}

int sffi__os_unmap(void *address, size_t size)
{
	int saved = errno;
	int result = munmap(address, size) ? -errno : 0;

	errno = saved;
	return result;
}

int sffi__os_advise(void *address, size_t size, int advice)
{
	int saved = errno;
	int result = madvise(address, size, advice) ? -errno : 0;

	errno = saved;
	return result;
}

int sffi__os_protect(void *address, size_t size, int protection)
{
	int saved = errno;
	int result = mprotect(address, size, protection) ? -errno : 0;

	errno = saved;
	return result;
}

int sffi__os_key_new(void)
{
	int saved = errno;
	int key = pkey_alloc(0, 0);

	if (key < 0) {
		key = -errno;
		errno = saved;
	}
	return key;
}

void sffi__os_key_free(int key)
{
	int saved = errno;

	pkey_free(key);
	errno = saved;
}

int sffi__os_protect_by_key(void *address, size_t size, int protection, int key)
{
	int saved = errno;
	int result = pkey_mprotect(address, size, protection, key) ? -errno : 0;

	errno = saved;
	return result;
}

int sffi__os_memfd(const char *name, size_t size)
{
	int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int error;

	if (fd < 0)
		return -errno;
	fd = sffi__os_move_high(fd);
	if (!ftruncate(fd, (off_t)size) &&
	    !fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
		return fd;
	error = -errno;
	close(fd);
	return error;
}

ssize_t sffi__os_read_memory(pid_t pid, void *to, uintptr_t from, size_t size)
{
	struct iovec local = { to, size }, remote = { (void *)from, size };
	int saved = errno;
	ssize_t copied = process_vm_readv(pid, &local, 1, &remote, 1, 0);

	if (copied < 0) {
		copied = -errno;
		errno = saved;
	}
	return copied;
}

ssize_t sffi__os_write_memory(pid_t pid, uintptr_t to, const void *from, size_t size)
{
	struct iovec local = { (void *)from, size }, remote = { (void *)to, size };
	int saved = errno;
	ssize_t copied = process_vm_writev(pid, &local, 1, &remote, 1, 0);

	if (copied < 0) {
		copied = -errno;
		errno = saved;
	}
	return copied;
}

char *sffi__os_read_file(const char *path)
{
	size_t capacity = 16384, size = 0;
	char *text = malloc(capacity);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	while (text && fd >= 0) {
		ssize_t got = read(fd, text + size, capacity - size - 1);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			break;
		size += (size_t)got;
		/* A hostile process can have as many mappings as it likes. */
		if (size > (16u << 20))
			break;
		if (capacity - size < 8192) {
			char *larger = realloc(text, capacity * 2);

			if (!larger)
				break;
			text = larger;
			capacity *= 2;
		}
	}
	if (fd >= 0)
		close(fd);
	if (!text || !size) {
		free(text);
		return NULL;
	}
	text[size] = '\0';
	return text;
}
