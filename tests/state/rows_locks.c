/* SPDX-License-Identifier: MIT */
/* Locks on files: whom they exclude. */
#include "state.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

static int file(void)
{
	return open("locked", O_RDWR | O_CREAT | O_CLOEXEC, 0666);
}

static int take_posix(void *fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	return fcntl(*(int *)fd, F_SETLK, &lock) != 0;
}

static int take_bsd(void *fd)
{
	(void)fd;
	return flock(file(), LOCK_EX | LOCK_NB) != 0;
}

static int take_own(void *fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	(void)fd;
	return fcntl(file(), F_OFD_SETLK, &lock) != 0;
}

static void posix_against_host(struct state *state)
{
	int fd = file();

	note(state, "%ld", call(state, "int lock_posix_path(const char *path)", at("locked")));
	note(state, "refused: %d", take_posix(&fd));
}

static void posix_against_others(struct state *state)
{
	int fd = file();

	note(state, "%ld", call(state, "int lock_posix_path(const char *path)", at("locked")));
	note(state, "refused: %d", beside(take_posix, &fd));
}

static void posix_carried(struct state *state)
{
	int fd = file();

	note(state, "%ld", call(state, "int lock_posix(fd file, int type)", fd, F_WRLCK));
	note(state, "refused: %d", beside(take_posix, &fd));
	note(state, "%ld", call(state, "int lock_posix(fd file, int type)", fd, F_UNLCK));
	note(state, "refused: %d", beside(take_posix, &fd));
}

static void posix_of_host(struct state *state)
{
	int fd = file();

	take_posix(&fd);
	call(state, "int read_some(fd from, int count)", fd, 1);
	note(state, "refused: %d", beside(take_posix, &fd));
}

/* Two libraries, each in a domain of its own. */
static void between_domains(struct state *state, const char *declaration)
{
	sffi_domain *domain = NULL;
	sffi_library *library = NULL;
	sffi_function *lock = NULL;
	sffi_options options;
	int result = -2;

	sffi_options_init(&options);
	options.mode = state->column == COLUMN_DIRECT ? SFFI_DIRECT : SFFI_ISOLATED;
	options.spawn = state->column == COLUMN_EXEC ? SFFI_SPAWN_EXEC : SFFI_SPAWN_CLONE;
	note(state, "%ld", state_call(state, declaration, (const long[]){ at("locked") }));
	if (sffi_domain_open(&domain, &options) ||
	    sffi_library_open(&library, domain, VICTIMS "/libvictim_state.so") ||
	    sffi_function_get(&lock, library, declaration) || sffi_call(lock, &result, "locked"))
		told(state, sffi_error());
	note(state, "%d", result);
	sffi_function_release(&lock);
	sffi_library_close(&library);
	sffi_domain_close(&domain);
}

static void posix_between_domains(struct state *state)
{
	between_domains(state, "int lock_posix_path(const char *path)");
}

static void description_between_domains(struct state *state)
{
	between_domains(state, "int lock_description_path(const char *path)");
}

static void bsd_between_domains(struct state *state)
{
	between_domains(state, "int lock_bsd_path(const char *path)");
}

static void bsd_against_others(struct state *state)
{
	note(state, "%ld", call(state, "int lock_bsd_path(const char *path)", at("locked")));
	note(state, "refused: %d", beside(take_bsd, NULL));
}

static void description_against_host(struct state *state)
{
	int fd = file();

	note(state, "%ld", call(state, "int lock_description(fd file, int type)", fd, F_WRLCK));
	note(state, "refused: %d", take_own(NULL));
	note(state, "%ld", call(state, "int lock_description(fd file, int type)", fd, F_UNLCK));
	note(state, "refused: %d", take_own(NULL));
}

static void description_against_others(struct state *state)
{
	note(state, "%ld", call(state, "int lock_description(fd file, int type)", file(), F_WRLCK));
	note(state, "refused: %d", beside(take_own, NULL));
}

static void bsd_against_host(struct state *state)
{
	note(state, "%ld", call(state, "int lock_bsd_path(const char *path)", at("locked")));
	note(state, "refused: %d", take_bsd(NULL));
}

static void bsd_carried(struct state *state)
{
	int fd = file();

	note(state, "%ld", call(state, "int lock_bsd(fd file, int how)", fd, LOCK_EX));
	note(state, "refused: %d", beside(take_bsd, NULL));
	note(state, "mine: %d", flock(fd, LOCK_UN));
	note(state, "refused: %d", beside(take_bsd, NULL));
}

#define DESCRIPTION "The lock belongs to the open file, which both have."

static const struct row rows[] = {
	{ "posix-host", "a POSIX lock of the callee against the host's", posix_against_host, "ce",
	  "It belongs to the process, or to the shared table: host and callee exclude each other only "
	  "with nothing shared.", "lock on one side; or use OFD locks, which exclude in every mode" },
	{ "posix-others", "a POSIX lock of the callee against another program", posix_against_others, "",
	  "The worker is a process like any other.", NULL },
	{ "posix-carried", "a POSIX lock on the host's descriptor, taken by one call, kept, and given "
	  "back by another", posix_carried, "",
	  "A copy that bears a lock is not closed with its call.", NULL },
	{ "posix-keep", "a POSIX lock of the host's on a file that a callee has used", posix_of_host, "",
	  "The callee's close() is that of another process.", NULL },
	{ "posix-domains", "POSIX locks of two domains against each other", posix_between_domains, "cse",
	  "Two workers are two processes, of which at most one shares: in process they would corrupt "
	  "what they lock.", "nothing: it is what the locks are for" },
	{ "ofd-host", "an OFD lock on the host's descriptor against the host", description_against_host,
	  "", DESCRIPTION, NULL },
	{ "ofd-others", "the same against another program", description_against_others, "", DESCRIPTION,
	  NULL },
	{ "ofd-domains", "OFD locks of two domains against each other", description_between_domains, "",
	  "Each has opened the file for itself.", NULL },
	{ "flock-host", "flock() of the callee against the host", bsd_against_host, "",
	  "It belongs to the open file, and each has opened its own.", NULL },
	{ "flock-others", "the same against another program", bsd_against_others, "", DESCRIPTION, NULL },
	{ "flock-domains", "flock() of two domains against each other", bsd_between_domains, "",
	  "Each has opened the file for itself.", NULL },
	{ "flock-carried", "flock() on the host's descriptor, given back by the host", bsd_carried, "",
	  DESCRIPTION, NULL },
	{ 0 },
};
const struct group state_locks = { "Locks on files", rows };
