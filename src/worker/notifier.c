/* SPDX-License-Identifier: MIT */
#include "worker/notifier.h"

#include "error.h"
#include "os/os.h"
#include "worker/own.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

void sffi__notifier_init(struct notifier *notifier)
{
	*notifier = (struct notifier){ -1, -1, -1, -1, 0 };
}

sffi_status sffi__notifier_open(struct notifier *notifier)
{
	struct epoll_event readable = { .events = EPOLLIN };
	int ends[2];

	if (notifier->set >= 0)
		return SFFI_OK;
	/* A pipe whose writer gets no SIGPIPE. */
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends))
		return sffi__fail_system(errno, "make a pipe");
	notifier->read = sffi__own_note(ends[0]);
	notifier->write = sffi__own_note(ends[1]);
	notifier->set = sffi__own_note(epoll_create1(EPOLL_CLOEXEC));
	if (notifier->set < 0 || epoll_ctl(notifier->set, EPOLL_CTL_ADD, notifier->read, &readable)) {
		int error = errno;

		sffi__notifier_close(notifier);
		return sffi__fail_system(error, "make an epoll set");
	}
	return SFFI_OK;
}

static void unwatch(struct notifier *notifier)
{
	if (notifier->watched < 0)
		return;
	if (sffi__own_put_back(notifier->set))
		epoll_ctl(notifier->set, EPOLL_CTL_DEL, notifier->watched, NULL);
	sffi__own_close(notifier->watched);
	notifier->watched = -1;
}

void sffi__notifier_close(struct notifier *notifier)
{
	unwatch(notifier);
	sffi__own_close(notifier->read);
	sffi__own_close(notifier->write);
	sffi__own_close(notifier->set);
	sffi__notifier_init(notifier);
}

/* A double of the pidfd, so that it can be taken out when the peer has gone. */
static void watch(struct notifier *notifier, const struct peer *peer)
{
	struct epoll_event ended = { .events = EPOLLIN };

	unwatch(notifier);
	notifier->watched = sffi__own_note(fcntl(peer->pidfd, F_DUPFD_CLOEXEC, 3));
	if (notifier->watched >= 0)
		epoll_ctl(notifier->set, EPOLL_CTL_ADD, notifier->watched, &ended);
}

/* What has to be sent besides the request, under the lock of the socket. */
static int send_end(const struct notifier *notifier, struct peer *peer)
{
	char byte = 0;

	return peer->carry < 0 ? 0 : sffi__os_send(peer->carry, &byte, 1, &notifier->write, 1);
}

/* Without a manager, lane 0 is asked: that may be in a call of this very thread. */
static bool take_turn(struct peer *peer)
{
	if (!atomic_load(&peer->has_manager))
		return !pthread_mutex_trylock(&peer->manager);
	pthread_mutex_lock(&peer->manager);
	return true;
}

static sffi_status give(struct notifier *notifier, struct peer *peer, unsigned index)
{
	uint64_t argument[3] = { index, (uint64_t)(peer->carry < 0 ? notifier->write : -1) };
	uint64_t error = 0;
	int unsent = send_end(notifier, peer);

	if (unsent)
		return sffi__fail_system(unsent, "give the worker a pipe");
	if (sffi__lane_manage(peer, LANE_NOTICE, argument, &error) != LANE_DONE)
		error = EPIPE;
	return error ? sffi__fail_system((int)error, "give the worker a pipe") : SFFI_OK;
}

/* With one_thread all threads have lane 0, which rings for one of them at a time. */
static bool has_it(const struct peer *peer, unsigned index, const struct notifier *notifier)
{
	return notifier->generation == peer->generation &&
	       (index != LANE_MAIN || peer->main_notifier == notifier);
}

sffi_status sffi__notifier_give(struct notifier *notifier, struct peer *peer, unsigned index,
				bool has_turn)
{
	sffi_status status;

	if (notifier->set < 0 || has_it(peer, index, notifier))
		return SFFI_OK;
	if (!sffi__own_put_back(notifier->set) || !sffi__own_regain(&notifier->write))
		return sffi__fail(SFFI_ESYSTEM, OWN_LOST "that for the host's poll() is gone");
	if (!has_turn && !take_turn(peer))
		return sffi__fail(SFFI_EINVAL, "the worker's one thread is in a call; ask for the descriptor "
					       "before");
	pthread_mutex_lock(&peer->carry_lock);
	status = give(notifier, peer, index);
	if (!status && index == LANE_MAIN)
		peer->main_notifier = notifier;
	pthread_mutex_unlock(&peer->carry_lock);
	if (!has_turn)
		pthread_mutex_unlock(&peer->manager);
	if (status)
		return status;
	watch(notifier, peer);
	notifier->generation = peer->generation;
	return SFFI_OK;
}

void sffi__notifier_ring(struct notifier *notifier)
{
	if (!sffi__own_regain(&notifier->write))
		return;
	/* A pipe that is full has rung often enough. */
	while (send(notifier->write, "", 1, MSG_NOSIGNAL) < 0 && errno == EINTR)
		;
}

void sffi__notifier_drain(struct notifier *notifier)
{
	char bytes[256];

	if (!sffi__own_regain(&notifier->read))
		return;
	while (read(notifier->read, bytes, sizeof bytes) > 0)
		;
}
