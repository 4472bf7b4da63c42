/* SPDX-License-Identifier: MIT */
#include "state_run.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CALLEE VICTIMS "/libvictim_state.so"

static const char *const names[] = { "direct", "clone", "sharing", "exec" };

const char *column_name(enum column column)
{
	return names[column];
}

bool same(const struct row_result *result, enum column column)
{
	return !strcmp(result->notes[column].seen, result->notes[COLUMN_DIRECT].seen);
}

bool row_differs(const struct row *row, enum column column)
{
	return column != COLUMN_DIRECT && strchr(row->differs, *names[column]);
}

/* ---- what rows use -------------------------------------------------------------------------- */

static void add(char *text, size_t room, size_t *size, const char *format, va_list values)
{
	int length = vsnprintf(text + *size, room - *size, format, values);

	*size += (size_t)length < room - *size ? (size_t)length : room - *size - 1;
}

void note(struct state *state, const char *format, ...)
{
	struct notes *notes = state->notes;
	va_list values;

	va_start(values, format);
	add(notes->seen, sizeof notes->seen - 1, &notes->seen_size, format, values);
	va_end(values);
	notes->seen[notes->seen_size++] = '\n';
}

void told(struct state *state, const char *sentence)
{
	struct notes *notes = state->notes;

	notes->told_size += (size_t)snprintf(notes->told + notes->told_size,
					     sizeof notes->told - notes->told_size, "%s\n", sentence);
	if (notes->told_size >= sizeof notes->told)
		notes->told_size = sizeof notes->told - 1;
}

/* The whole report, with what the worker left behind. */
static void tell_fault(struct state *state)
{
	char *text = NULL;
	size_t size = 0;
	FILE *file = open_memstream(&text, &size);

	if (file && sffi_last_fault())
		sffi_fault_print(sffi_last_fault(), file);
	if (file)
		fclose(file);
	/* The head; registers and frames are another test's. */
	if (text && strstr(text, "\nframes:"))
		*strstr(text, "\nframes:") = '\0';
	if (text)
		told(state, text);
	free(text);
}

static sffi_function *function_of(struct state *state, const char *declaration)
{
	static struct {
		const char *declaration;
		sffi_function *function;
	} known[32];
	size_t i = 0;

	while (i < 32 && known[i].function && strcmp(known[i].declaration, declaration))
		i++;
	if (i == 32 || known[i].function)
		return i == 32 ? NULL : known[i].function;
	known[i].declaration = declaration;
	if (sffi_function_get(&known[i].function, state->library, declaration)) {
		note(state, "[no function]");
		told(state, sffi_error());
	}
	return known[i].function;
}

static long extended(const char *declaration, long value)
{
	if (strchr(declaration, '*') && strchr(declaration, '*') < strchr(declaration, '('))
		return value;
	return strncmp(declaration, "long", 4) ? (int)value : value;
}

long state_call(struct state *state, const char *declaration, const long *values)
{
	void *arguments[] = { (void *)&values[0], (void *)&values[1], (void *)&values[2],
			      (void *)&values[3] };
	long result = 0;
	sffi_function *function;
	sffi_status status;

	function = function_of(state, declaration);
	if (!function)
		return -1;
	status = sffi_call_array(function, &result, arguments);
	if (sffi_last_fault())
		tell_fault(state);
	if (!status)
		return extended(declaration, result);
	note(state, "[%s]", sffi_status_name(status));
	told(state, sffi_error());
	return -1;
}

const char *state_call_text(struct state *state, const char *declaration, const long *arguments)
{
	const char *text = (const char *)state_call(state, declaration, arguments);

	return !text ? "(none)" : text == (const char *)-1 ? "" : text;
}

int state_variable(struct state *state, const char *name)
{
	void *address = NULL;
	int value = -1;

	if (sffi_global(state->library, name, &address) ||
	    sffi_read(state->domain, &value, address, sizeof value))
		told(state, sffi_error());
	return value;
}

int state_errno(struct state *state)
{
	(void)state;
	return sffi_errno();
}

const char *word_for(int error)
{
	const char *name = strerrorname_np(error);

	return name ? name : "?";
}

const char *contents(const char *path)
{
	static char texts[4][512];
	static unsigned next;
	char *text = texts[next++ % 4];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof texts[0] - 1);

	if (fd >= 0)
		close(fd);
	text[got < 0 ? 0 : got] = '\0';
	return text;
}

int beside(int (*act)(void *), void *data)
{
	int status = 0;
	pid_t pid = fork();

	if (!pid)
		_exit(act(data));
	if (waitpid(pid, &status, 0) != pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

void state_close(struct state *state)
{
	sffi_library_close(&state->library);
	sffi_domain_close(&state->domain);
}

/* ---- one row in one column ---------------------------------------------------------------------- */

static bool open_domain(struct state *state)
{
	sffi_options options;
	sffi_status status;

	sffi_options_init(&options);
	options.timeout_ms = 30000;
	options.mode = state->column == COLUMN_DIRECT ? SFFI_DIRECT : SFFI_ISOLATED;
	options.spawn = state->column == COLUMN_EXEC ? SFFI_SPAWN_EXEC : SFFI_SPAWN_CLONE;
	options.share = state->column == COLUMN_SHARING ? SFFI_SHARE_ALL : 0;
	status = sffi_domain_open(&state->domain, &options);
	if (!status)
		status = sffi_library_open(&state->library, state->domain, CALLEE);
	if (status)
		told(state, sffi_error());
	return !status;
}

static _Noreturn void be_host(const struct row *row, struct state *state, const char *directory)
{
	setsid();
	/* Before there are workers, as a terminal is. */
	if (openpty(&state->terminal, &state->line, NULL, NULL, NULL) ||
	    ioctl(state->line, TIOCSCTTY, 0) || fcntl(state->terminal, F_SETFD, FD_CLOEXEC) ||
	    fcntl(state->line, F_SETFD, FD_CLOEXEC))
		note(state, "[no terminal]");
	if (chdir(directory) || !open_domain(state)) {
		note(state, "[no domain]");
		_exit(0);
	}
	row->run(state);
	state_close(state);
	_exit(0);
}

static void note_end(struct state *state, int status)
{
	if (WIFSIGNALED(status))
		note(state, "the host was ended by SIG%s", sigabbrev_np(WTERMSIG(status)));
	else if (WEXITSTATUS(status))
		note(state, "the host exited with %d", WEXITSTATUS(status));
}

static void wait_for(struct state *state, pid_t pid)
{
	enum { PATIENCE_MS = 60000 };
	struct pollfd end = { .fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN };
	int status = 0;

	if (poll(&end, 1, PATIENCE_MS) <= 0) {
		note(state, "the host hangs");
		kill(pid, SIGKILL);
	}
	close(end.fd);
	waitpid(pid, &status, 0);
	note_end(state, status);
	/* What the row has left running. */
	kill(-pid, SIGKILL);
}

/* What exit handlers wrote. */
static void note_left(struct state *state, const char *directory)
{
	char path[64];

	snprintf(path, sizeof path, "%s/ended", directory);
	note(state, "%s", contents(path));
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
	(void)status, (void)type, (void)walk;
	return remove(path);
}

static void run_column(const struct row *row, enum column column, struct notes *notes)
{
	char directory[] = "/tmp/safeffi-state-XXXXXX";
	struct state state = { .column = column, .notes = notes };
	pid_t pid;

	if (!mkdtemp(directory))
		return;
	chmod(directory, 0755);
	fflush(stdout);
	pid = fork();
	if (!pid)
		be_host(row, &state, directory);
	wait_for(&state, pid);
	note_left(&state, directory);
	nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void run_row(const struct row *row, struct row_result *result)
{
	/* The hosts write here; what becomes of their descriptors does not matter. */
	struct row_result *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE,
					 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	memset(result, 0, sizeof *result);
	if (shared == MAP_FAILED)
		return;
	for (int column = 0; column < COLUMN_COUNT; column++)
		run_column(row, (enum column)column, &shared->notes[column]);
	*result = *shared;
	munmap(shared, sizeof *shared);
}
