/* SPDX-License-Identifier: MIT */
/*
 * Signals that are meant for the program, and reach the worker: a callee that raises one or
 * that has set a timer. In process the host's handler would run; so, where the callee has
 * none, the host is asked, and gets the signal if it has one. Async-signal-safe only.
 */
#include "worker/worker.h"

#include "fault/handler.h"
#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Whoever sends them. */
static const int program_signals[] = { SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGPIPE, SIGIO };
/* What a terminal or a supervisor sends to the whole process group is the host's to answer, who
 * gets it, too: it decides what becomes of its workers. Only what this process sends itself is
 * forwarded. A handler, not SIG_IGN, which programs that the callee starts would inherit. */
static const int group_signals[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP };

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* What the host does with signals, as masks: proc(5). */
struct answers {
	uint64_t caught, ignored, blocked, pending;
};

static uint64_t mask_in(const char *text, const char *label)
{
	const char *digit = strstr(text, label);
	uint64_t mask = 0;

	if (!digit)
		return 0;
	for (digit += strlen(label); *digit == ' ' || *digit == '\t'; digit++)
		;
	for (; *digit > ' '; digit++)
		mask = mask << 4 | (uint64_t)(*digit <= '9' ? *digit - '0' : *digit - 'a' + 10);
	return mask;
}

/* Appends the number in decimal, without the C library's formats. */
static char *add_number(char *to, uint32_t number)
{
	if (number >= 10)
		to = add_number(to, number / 10);
	*to++ = (char)('0' + number % 10);
	return to;
}

static bool ask_host(struct answers *answers)
{
	char path[40] = "/proc/", text[4096], *end = path + strlen(path);
	ssize_t got;
	int fd;

	if (sffi__worker.host <= 0)
		return false;
	strcpy(add_number(end, (uint32_t)sffi__worker.host), "/status");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	got = read(fd, text, sizeof text - 1);
	close(fd);
	if (got <= 0)
		return false;
	text[got] = '\0';
	*answers = (struct answers){ .caught = mask_in(text, "\nSigCgt:"),
				     .ignored = mask_in(text, "\nSigIgn:"),
				     .blocked = mask_in(text, "\nSigBlk:"),
				     .pending = mask_in(text, "\nShdPnd:") };
	return true;
}

/* In process the handler has run when raise() returns: it is waited for, but not for ever. */
static void send_on(int signal, const struct answers *first)
{
	enum { LOOKS = 1000 };
	static const struct timespec pause = { .tv_nsec = 50000 };
	uint64_t bit = UINT64_C(1) << (signal - 1);
	struct answers answers = *first;

	if (syscall(SYS_kill, sffi__worker.host, signal) || answers.blocked & bit)
		return;
	for (int i = 0; i < LOOKS && ask_host(&answers) && answers.pending & bit; i++)
		nanosleep(&pause, NULL);
}

static void die_by(int signal)
{
	struct sigaction fallback = { .sa_handler = SIG_DFL };
	sigset_t set;

	sigaction(signal, &fallback, NULL);
	sigemptyset(&set);
	sigaddset(&set, signal);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	syscall(SYS_tgkill, getpid(), sffi__os_gettid(), signal);
}

static void forward(int signal, siginfo_t *info, void *context)
{
	uint64_t bit = UINT64_C(1) << (signal - 1);
	struct answers answers = { 0 };
	int saved = errno;

	/* A child that the callee forked has no host. */
	if (!worker_is_self())
		die_by(signal);
	else if (ask_host(&answers) && answers.caught & bit)
		send_on(signal, &answers);
	else if (!(answers.ignored & bit))
		sffi__fault_report(signal, info, context);
	errno = saved;
}

static bool is_own(const siginfo_t *info)
{
	return info->si_code <= 0 && info->si_pid == getpid();
}

static void on_group_signal(int signal, siginfo_t *info, void *context)
{
	/* A stop is the host's affair altogether. */
	if (signal != SIGTSTP && is_own(info))
		forward(signal, info, context);
}

static void install(int signal, const struct sigaction *action)
{
	struct sigaction former;

	/* What the host ignored when it was cloned stays so, as for any child. */
	if (!sigaction(signal, NULL, &former) && former.sa_handler == SIG_DFL)
		sigaction(signal, action, NULL);
}

void sffi__signals_group(void)
{
	struct sigaction action = { .sa_sigaction = on_group_signal,
				    .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART };

	for (size_t i = 0; i < COUNT(group_signals); i++)
		sigaction(group_signals[i], &action, NULL);
}

void sffi__signals_forward(void)
{
	struct sigaction action = { .sa_sigaction = forward,
				    .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART };

	for (size_t i = 0; i < COUNT(program_signals); i++)
		install(program_signals[i], &action);
	for (int signal = SIGRTMIN; signal <= SIGRTMAX; signal++)
		if (signal != FAULT_SAMPLE_SIGNAL)
			install(signal, &action);
}
