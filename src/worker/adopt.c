/* SPDX-License-Identifier: MIT */
/* A newcomer gets its orders and becomes a domain's worker. */
#include "worker/worker.h"

#include "os/os.h"
#include "safeffi.h"
#include "worker/interpose.h"
#include "worker/orders.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

_Noreturn void sffi__worker_give_up(const char *what, int error)
{
	char text[160];
	int length = snprintf(text, sizeof text, "safeffi: a worker cannot %s: %s\n", what,
			      strerror(-error));

	if (write(2, text, (size_t)length) < 0)
		_exit(126);
	_exit(126);
}

static void receive(int socket, struct worker_orders *orders, int fds[ORDER_FDS])
{
	int received[ORDER_FDS];
	size_t count, next = 0;
	ssize_t got;

	do {
		count = ORDER_FDS;
		got = sffi__os_receive(socket, orders, sizeof *orders, received, &count, 0);
	} while (got == -EINTR);
	if (got != sizeof *orders)
		_exit(0);
	for (int i = 0; i < ORDER_FDS; i++)
		fds[i] = orders->fds & 1u << i && next < count ? received[next++] : -1;
}

static void take_standard(const int fds[ORDER_FDS])
{
	for (int i = 0; i < 3; i++) {
		int fd = fds[ORDER_STDIN + i];

		if (fd < 0)
			close(i);
		else
			dup2(fd, i);
	}
}

static void map_arena(const struct worker_control *control, int fd)
{
	void *mapped = sffi__os_map((void *)control->arena_low, control->arena_size,
				    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd);
	int error = sffi__os_failed(mapped);

	if (error)
		sffi__worker_give_up("map its arena", error);
}

/* Until the processor has nothing better to do, or the host waits after all. */
static void wait_for_leisure(struct worker_control *control)
{
	enum { LEISURE_NS = 1000000 };

	sffi__os_futex_wait(&control->hurry, 0, sffi__os_now_ns() + LEISURE_NS);
}

void sffi__worker_adopt(int socket)
{
	struct worker_orders orders;
	int fds[ORDER_FDS];

	receive(socket, &orders, fds);
	prctl(PR_SET_NAME, WORKER_NAME);
	sffi__worker.host = orders.host;
	sffi__worker.shares = orders.share != 0;
	sffi__worker.shares_descriptors = orders.share & SFFI_SHARE_FILES;
	if (orders.share) {
		sffi__interpose();
		sffi__news_look();
	}
	if (orders.unhurried)
		wait_for_leisure(sffi__worker.control);
	if (fds[ORDER_DIRECTORY] >= 0 && fchdir(fds[ORDER_DIRECTORY]))
		sffi__worker_give_up("enter the host's working directory", -errno);
	map_arena(sffi__worker.control, fds[ORDER_ARENA]);
	if (!(orders.share & SFFI_SHARE_FILES))
		take_standard(fds);
	sffi__input_share();
	for (int i = 0; i < ORDER_FDS; i++)
		sffi__os_close(fds[i]);
	/* Descriptors that are shared need no carrying. */
	if (orders.share & SFFI_SHARE_FILES) {
		sffi__os_close(socket);
		sffi__worker.socket = -1;
	}
}
