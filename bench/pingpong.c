/* SPDX-License-Identifier: MIT */
#include "pingpong.h"

#include "machine.h"
#include "operation.h"

#include <errno.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MESSAGE_SIZE = 64, CACHE_LINE = 64 };

/* Whose turn it is, in the word that both sides of the futex sleep on. */
enum { HOST, PEER };

struct shared {
	/* Each on its own line; two lines apart, as CPUs fetch them in pairs. */
	_Alignas(2 * CACHE_LINE) _Atomic uint32_t request;
	_Alignas(2 * CACHE_LINE) _Atomic uint32_t reply;
	_Alignas(2 * CACHE_LINE) _Atomic uint32_t spinning;
	_Alignas(2 * CACHE_LINE) _Atomic uint32_t turn;
};

static struct shared *shared;
static int ends[2];

/* Without FUTEX_PRIVATE_FLAG: the word is another process's too. */
static void futex_wait(_Atomic uint32_t *word, uint32_t value)
{
	syscall(SYS_futex, word, FUTEX_WAIT, value, NULL, NULL, 0);
}

static void futex_wake(_Atomic uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void sleep_while(_Atomic uint32_t *word, uint32_t value)
{
	while (atomic_load(word) == value)
		futex_wait(word, value);
}

static void sleep_until(_Atomic uint32_t *word, uint32_t value)
{
	uint32_t now;

	while ((now = atomic_load(word)) != value)
		futex_wait(word, now);
}

static void store_and_wake(_Atomic uint32_t *word, uint32_t value)
{
	atomic_store(word, value);
	futex_wake(word);
}

/* ---- spinning ---------------------------------------------------------- */

static const uint32_t STOP = UINT32_MAX;

static void spin_until(_Atomic uint32_t *word, uint32_t value)
{
	while (atomic_load_explicit(word, memory_order_acquire) != value)
		;
}

static void spin_peer(void)
{
	uint32_t seen, request;

	for (;;) {
		sleep_while(&shared->spinning, 0);
		seen = 0;
		do {
			do
				request = atomic_load_explicit(&shared->request,
							       memory_order_acquire);
			while (request == seen);
			seen = request;
			atomic_store_explicit(&shared->reply, request, memory_order_release);
		} while (request != STOP);
		/* Its own doing, so that it does not run through a second time. */
		store_and_wake(&shared->spinning, 0);
	}
}

static void spin_round(uint32_t number)
{
	atomic_store_explicit(&shared->request, number, memory_order_release);
	spin_until(&shared->reply, number);
}

double op_spin(unsigned count)
{
	enum { WARM_UP = 1000 };
	uint32_t number = 0;
	uint64_t start, end;

	atomic_store(&shared->request, 0);
	atomic_store(&shared->reply, 0);
	store_and_wake(&shared->spinning, 1);
	while (number < WARM_UP)
		spin_round(++number);
	start = now_ns();
	for (unsigned i = 0; i < count; i++)
		spin_round(++number);
	end = now_ns();
	spin_round(STOP);
	sleep_until(&shared->spinning, 0);
	return (double)(end - start) / count;
}

/* ---- sleeping on a futex ----------------------------------------------- */

static void futex_peer(void)
{
	for (;;) {
		sleep_until(&shared->turn, PEER);
		store_and_wake(&shared->turn, HOST);
	}
}

double op_futex(unsigned count)
{
	unsigned warm_up = count / 10 + 1;
	uint64_t start = 0;

	for (unsigned i = 0; i < warm_up + count; i++) {
		if (i == warm_up)
			start = now_ns();
		store_and_wake(&shared->turn, PEER);
		sleep_until(&shared->turn, HOST);
	}
	return (double)(now_ns() - start) / count;
}

/* ---- a socket ---------------------------------------------------------- */

static void socket_peer(void)
{
	char message[MESSAGE_SIZE];

	while (read(ends[1], message, sizeof(message)) == sizeof(message))
		if (write(ends[1], message, sizeof(message)) != sizeof(message))
			break;
}

double op_socket(unsigned count)
{
	char message[MESSAGE_SIZE] = "";
	unsigned warm_up = count / 10 + 1;
	uint64_t start = 0;

	for (unsigned i = 0; i < warm_up + count; i++) {
		if (i == warm_up)
			start = now_ns();
		if (write(ends[0], message, sizeof(message)) != sizeof(message) ||
		    read(ends[0], message, sizeof(message)) != sizeof(message))
			return failed("the socket's other side is gone: %s", strerror(errno));
	}
	return (double)(now_ns() - start) / count;
}

/* ---- the processes ----------------------------------------------------- */

static bool make_peer(void (*run)(void), int cpu)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (pin_self(cpu))
			run();
		_exit(1);
	}
	return pid > 0;
}

bool pingpong_set_up(int peer)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (shared == MAP_FAILED || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0 ||
	    !make_peer(spin_peer, peer) || !make_peer(futex_peer, peer) ||
	    !make_peer(socket_peer, peer))
		return cannot("cannot make the other side: %s", strerror(errno));
	return true;
}
