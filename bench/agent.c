/* SPDX-License-Identifier: MIT */
#include "agent.h"

#include "machine.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { AGENTS = 16, ANSWER_MS = 60 * 1000 };

static struct agent agents[AGENTS];

static void lose(struct agent *agent, const char *why)
{
	agent->lost = true;
	snprintf(agent->why, sizeof(agent->why), "%s", why);
	if (agent->pid > 0) {
		kill(agent->pid, SIGKILL);
		waitpid(agent->pid, NULL, 0);
		agent->pid = 0;
	}
	if (agent->socket >= 0)
		close(agent->socket);
	agent->socket = -1;
}

/* It tears down what it has set up when it hears that no request will follow: for two seconds. */
static void await_end(struct agent *agent)
{
	shutdown(agent->socket, SHUT_RDWR);
	for (int i = 0; i < 2000; i++) {
		if (waitpid(agent->pid, NULL, WNOHANG) == agent->pid) {
			agent->pid = 0;
			return;
		}
		pause_ms(1);
	}
}

/* The agent ends with the benchmark, even if it hangs in a call. */
static _Noreturn void be_agent(const struct agent_kind *kind, int socket)
{
	char number[16];
	bool ready;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (kind->program) {
		pin_self(machine.host);
		snprintf(number, sizeof(number), "%d", socket);
		execl(path_beside(kind->program), kind->program, number, (char *)NULL);
		failed("cannot run %s: %s", path_beside(kind->program), strerror(errno));
		serve(socket, NULL, false);
		_exit(1);
	}
	ready = kind->set_up();
	serve(socket, kind->operations, ready);
	if (kind->tear_down)
		kind->tear_down();
	_exit(0);
}

/* An agent must not keep the benchmark's end of another one open, which then would not
 * notice that the benchmark is gone. */
static void begin(struct agent *agent, const struct agent_kind *kind)
{
	int ends[2];

	memset(agent, 0, sizeof(*agent));
	agent->kind = kind;
	agent->socket = -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) != 0) {
		lose(agent, "cannot make a socket for an agent");
		return;
	}
	fflush(NULL);
	agent->pid = fork();
	if (agent->pid == 0) {
		for (int i = 0; i < AGENTS; i++)
			if (agents[i].kind && &agents[i] != agent && agents[i].socket >= 0)
				close(agents[i].socket);
		close(ends[0]);
		be_agent(kind, ends[1]);
	}
	close(ends[1]);
	agent->socket = ends[0];
	if (agent->pid < 0)
		lose(agent, "cannot fork an agent");
}

static void ask(struct agent *agent, const char *operation, unsigned count, struct reply *reply)
{
	struct request request = { .count = count };
	struct pollfd answer = { .fd = agent->socket, .events = POLLIN };

	snprintf(request.name, sizeof(request.name), "%s", operation);
	if (!agent->lost &&
	    send(agent->socket, &request, sizeof(request), MSG_NOSIGNAL) != sizeof(request))
		lose(agent, "the measuring process is gone");
	if (!agent->lost && poll(&answer, 1, ANSWER_MS) != 1)
		lose(agent, "the measuring process did not answer within a minute");
	if (!agent->lost && recv(agent->socket, reply, sizeof(*reply), 0) != sizeof(*reply))
		lose(agent, "the measuring process ended");
	if (agent->lost) {
		reply->value = NAN;
		reply->not_offered = agent->not_offered;
		memcpy(reply->why, agent->why, sizeof(reply->why));
	}
	reply->why[sizeof(reply->why) - 1] = '\0';
}

static struct agent *find(const struct agent_kind *kind)
{
	for (int i = 0; i < AGENTS; i++)
		if (agents[i].kind == kind)
			return &agents[i];
	return NULL;
}

void agent_ask(const struct agent_kind *kind, const char *operation, unsigned count,
	       struct reply *reply)
{
	struct agent *agent = find(kind);

	if (!agent) {
		agent = find(NULL);
		begin(agent, kind);
		ask(agent, "", 0, reply);
		if (isnan(reply->value)) {
			agent->not_offered = reply->not_offered;
			lose(agent, reply->why);
		}
	}
	ask(agent, operation, count, reply);
}

/* A slot is used again: there are fewer kinds than slots. */
void agent_end(const struct agent_kind *kind)
{
	struct agent *agent = find(kind);

	if (!agent)
		return;
	if (kind->tear_down && agent->pid > 0)
		await_end(agent);
	lose(agent, "ended");
	agent->kind = NULL;
}
