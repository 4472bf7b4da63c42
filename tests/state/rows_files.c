/* SPDX-License-Identifier: MIT */
/* Working directory, root, mask; files in memory; what is known by a name. */
#include "state.h"

#include <fcntl.h>
#include <semaphore.h>
#include <stdio.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *base(const char *path)
{
	return strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
}

static void directory_of_host(struct state *state)
{
	mkdir("inner", 0777);
	call(state, "const char *directory(void)");
	if (chdir("inner"))
		return;
	note(state, "%s", base(call_text(state, "const char *directory(void)")));
	call(state, "int make_file(const char *path)", at("made"));
	note(state, "%d", access("made", F_OK));
	if (chdir(".."))
		return;
	note(state, "%ld", call(state, "int is_there(const char *path)", at("inner/made")));
}

static void directory_of_callee(struct state *state)
{
	char path[4096];

	mkdir("inner", 0777);
	call(state, "int change_directory(const char *path)", at("inner"));
	note(state, "%d", !strcmp(base(getcwd(path, sizeof path)), "inner"));
	note(state, "%s", base(call_text(state, "const char *directory(void)")));
}

static void directory_stays(struct state *state)
{
	mkdir("inner", 0777);
	call(state, "int change_directory(const char *path)", at("inner"));
	note(state, "%s", base(call_text(state, "const char *directory(void)")));
	call(state, "int make_file(const char *path)", at("made"));
	note(state, "%ld", call(state, "int is_there(const char *path)", at("made")));
}

static void root_of_callee(struct state *state)
{
	mkdir("inner", 0777);
	note(state, "%ld", call(state, "int change_root(const char *path)", at("inner")));
	note(state, "%d", access("/etc", F_OK));
}

static int mode_of(const char *path)
{
	struct stat status;

	return stat(path, &status) ? -1 : (int)(status.st_mode & 0777);
}

static void mask_of_host(struct state *state)
{
	call(state, "int make_file(const char *path)", at("before"));
	umask(027);
	call(state, "int make_file(const char *path)", at("after"));
	note(state, "%o", mode_of("after"));
}

static void mask_of_callee(struct state *state)
{
	umask(0);
	call(state, "int set_mask(int mask)", 077);
	close(open("made", O_RDWR | O_CREAT, 0666));
	note(state, "%o", mode_of("made"));
}

static void mask_stays(struct state *state)
{
	call(state, "int set_mask(int mask)", 077);
	call(state, "int make_file(const char *path)", at("made"));
	note(state, "%o", mode_of("made"));
}

static void mapped_file(struct state *state)
{
	long mapped = call(state, "int *map_file(const char *path)", at("a"));
	int value = 0, fd = open("a", O_RDWR);

	call(state, "int store(void *at, int value)", mapped, 4711);
	note(state, "%zd %d", pread(fd, &value, sizeof value, 0), value);
	value = 4712;
	note(state, "%zd", pwrite(fd, &value, sizeof value, 0));
	note(state, "%ld", call(state, "int load(void *at)", mapped));
}

static void name_for(char *name, size_t size)
{
	snprintf(name, size, "/safeffi-state-%d", getpid());
}

static void named_memory(struct state *state)
{
	char name[64];
	int fd, *mapped;
	long theirs;

	name_for(name, sizeof name);
	fd = shm_open(name, O_RDWR | O_CREAT, 0600);
	if (ftruncate(fd, 4096))
		return;
	mapped = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	theirs = call(state, "int *map_named(const char *name)", at(name));
	call(state, "int store(void *at, int value)", theirs, 1);
	note(state, "%d", *mapped);
	*mapped = 2;
	note(state, "%ld", call(state, "int load(void *at)", theirs));
	shm_unlink(name);
}

static void segments(struct state *state)
{
	int id = shmget(IPC_PRIVATE, 4096, 0600);
	int *mine = shmat(id, NULL, 0);
	long theirs = call(state, "void *attach_segment(int id)", id);

	call(state, "int store(void *at, int value)", theirs, 3);
	note(state, "%d", *mine);
	shmctl(id, IPC_RMID, NULL);
}

static void sysv_semaphores(struct state *state)
{
	int id = semget(IPC_PRIVATE, 1, 0600);

	note(state, "%ld", call(state, "int change_semaphore(int id, int by)", id, 2));
	note(state, "%d", semctl(id, 0, GETVAL));
	note(state, "%ld", call(state, "int change_semaphore(int id, int by)", id, -3));
	note(state, "%s", word_for(state_errno(state)));
	semctl(id, 0, IPC_RMID);
}

static void posix_semaphores(struct state *state)
{
	char name[64];
	sem_t *semaphore;

	name_for(name, sizeof name);
	semaphore = sem_open(name, O_CREAT, 0600, 0);
	call(state, "int post_named(const char *name)", at(name));
	note(state, "%d", sem_trywait(semaphore));
	note(state, "%d", sem_trywait(semaphore));
	sem_unlink(name);
}

#define MIRRORED "The host's is the callee's when a call starts, once it has changed."
#define ONE_SIDE "With nothing shared a callee changes its own process only."
#define KERNELS "It belongs to the kernel, not to a process."

static const struct row rows[] = {
	{ "chdir-host", "chdir() in the host, seen by the callee", directory_of_host, "", MIRRORED, NULL },
	{ "chdir-callee", "chdir() in the callee, seen by the host", directory_of_callee, "ce", ONE_SIDE,
	  "share (`SFFI_SHARE_CWD`), or chdir() in the host" },
	{ "chdir-stays", "chdir() in the callee, seen by the callee's next calls", directory_stays, "",
	  "It stays until the host changes its own.", NULL },
	{ "chroot", "chroot() in the callee (root)", root_of_callee, "ce", ONE_SIDE " The call says so: it "
	  "returns `SFFI_ENOTSUP`, with its result.",
	  "share (`SFFI_SHARE_CWD`)", "the root directory of its worker alone", true },
	{ "umask-host", "umask() in the host, for files of the callee", mask_of_host, "", MIRRORED, NULL },
	{ "umask-callee", "umask() in the callee, for files of the host", mask_of_callee, "ce", ONE_SIDE,
	  "share (`SFFI_SHARE_CWD`), or umask() in the host" },
	{ "umask-stays", "umask() in the callee, for the files of its next calls", mask_stays, "",
	  "It stays until the host changes its own.", NULL },
	{ "mmap", "mmap() of a file, shared", mapped_file, "", KERNELS, NULL },
	{ "shm", "POSIX shared memory by name", named_memory, "", KERNELS, NULL },
	{ "sysv-shm", "a System V segment", segments, "", KERNELS, NULL },
	{ "sysv-sem", "System V semaphores", sysv_semaphores, "", KERNELS, NULL },
	{ "posix-sem", "POSIX semaphores by name", posix_semaphores, "", KERNELS, NULL },
	{ 0 },
};
const struct group state_files = { "Directories, files, names", rows };
