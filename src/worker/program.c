/* SPDX-License-Identifier: MIT */
/* safeffi-worker: the worker of SFFI_SPAWN_EXEC, a process with nothing of the host's. It is
 * started by the zygote, not by hand. */
#include "worker/worker.h"

#include "fault/handler.h"
#include "worker/zygote_protocol.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct worker_start start = { .control_fd = PROGRAM_FD_CONTROL, .socket = PROGRAM_FD_SOCKET };
	unsigned zone = argc >= 2 ? (unsigned)strtoul(argv[1], NULL, 10) : ZONES_MAX;

	if (zone >= ZONES_MAX || fcntl(PROGRAM_FD_SOCKET, F_GETFD) < 0) {
		fprintf(stderr, "%s: started by libsafeffi for SFFI_SPAWN_EXEC, not by hand\n",
			WORKER_NAME);
		return 2;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* The zygote never changes; a parent of 1 means that it was gone before the prctl. */
	if (getppid() == 1)
		return 0;
	fcntl(PROGRAM_FD_SOCKET, F_SETFD, FD_CLOEXEC);
	prctl(PR_SET_NAME, RESERVE_NAME);
	start.zone = zone;
	start.at_leisure = argc > 2;
	sffi__fault_handlers_install();
	if (sffi__address_space_fill())
		return 126;
	sffi__heap_use_up();
	sffi__worker_main(&start);
}
