/* SPDX-License-Identifier: MIT */
#include "operation.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static char reason[WHY_SIZE] = "the measuring process could not be set up";
static bool is_not_offered;

double failed(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(reason, sizeof(reason), format, arguments);
	va_end(arguments);
	return NAN;
}

bool cannot(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(reason, sizeof(reason), format, arguments);
	va_end(arguments);
	return false;
}

bool not_offered(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(reason, sizeof(reason), format, arguments);
	va_end(arguments);
	is_not_offered = true;
	return false;
}

static double run(const struct operation *operation, const struct request *request)
{
	if (request->name[0] == '\0')
		return 0;
	for (; operation->name; operation++)
		if (!strcmp(operation->name, request->name))
			return operation->run(request->count);
	return failed("there is no operation \"%s\"", request->name);
}

void serve(int socket, const struct operation *operations, bool ready)
{
	struct request request;
	struct reply reply;

	while (recv(socket, &request, sizeof(request), 0) == sizeof(request)) {
		memset(&reply, 0, sizeof(reply));
		request.name[sizeof(request.name) - 1] = '\0';
		reply.value = ready ? run(operations, &request) : NAN;
		if (isnan(reply.value))
			memcpy(reply.why, reason, sizeof(reply.why));
		reply.not_offered = isnan(reply.value) && is_not_offered;
		if (send(socket, &reply, sizeof(reply), MSG_NOSIGNAL) != sizeof(reply))
			return;
	}
}
