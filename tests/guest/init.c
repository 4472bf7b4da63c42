/* SPDX-License-Identifier: MIT */
/*
 * The first process of the guest: runs what /commands lists, one a line, and switches off. Its
 * output is the console's; the end of each command is told, for the one who reads.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void mount_at(const char *type, const char *path)
{
	mkdir(path, 0755);
	if (mount(type, path, type, 0, NULL))
		printf("GUEST cannot mount %s\n", path);
}

/* Words are separated by single spaces; those with a '=' in front are for the environment. */
static void run(char *line)
{
	char *words[32], **command = words;
	size_t count = 0;

	for (char *word = strtok(line, " "); word && count < 31; word = strtok(NULL, " "))
		words[count++] = word;
	words[count] = NULL;
	for (; *command && strchr(*command, '='); command++)
		putenv(*command);
	if (*command)
		execv(*command, command);
	_exit(127);
}

static void run_all(FILE *commands)
{
	char line[4096];
	pid_t child;
	int status;

	while (fgets(line, sizeof line, commands)) {
		line[strcspn(line, "\n")] = '\0';
		child = fork();
		if (!child)
			run(line);
		status = -1;
		waitpid(child, &status, 0);
		printf("GUEST status %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : 255);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			continue;
	}
}

int main(void)
{
	FILE *commands;

	setvbuf(stdout, NULL, _IONBF, 0);
	mount_at("proc", "/proc");
	mount_at("sysfs", "/sys");
	mount_at("devtmpfs", "/dev");
	mkdir("/dev/shm", 01777);
	mkdir("/tmp", 01777); /* the programs may lie there: nothing is mounted over it */
	commands = fopen("/commands", "re");
	puts("GUEST begins");
	if (commands)
		run_all(commands);
	puts("GUEST ends");
	sync();
	reboot(RB_POWER_OFF);
	return 0;
}
