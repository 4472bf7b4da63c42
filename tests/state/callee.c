/* SPDX-License-Identifier: MIT */
/*
 * What the rows call: a library that uses the state of its process like any other, and knows
 * nothing of SafeFFI. Each function does one thing and says how it went.
 */
#include "../victims/victim.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* ---- descriptors ------------------------------------------------------------------------- */

int open_file(const char *path, int flags)
{
	return open(path, flags, 0666);
}

int close_it(int fd)
{
	return close(fd);
}

static int in_place;

/* A new file at the number of another. */
int open_in_place(int fd, const char *path)
{
	close(fd);
	in_place = open(path, O_RDONLY);
	return in_place == fd;
}

const char *text_in_place(void)
{
	static char text[64];
	ssize_t got = read(in_place, text, sizeof text - 1);

	text[got < 0 ? 0 : got] = '\0';
	return text;
}

int hand_back(int fd)
{
	return fd;
}

int duplicate(int fd)
{
	return dup(fd);
}

int put_over(int from, int to)
{
	return dup2(from, to);
}

static int pipe_ends[2];

int make_pipe(void)
{
	return pipe(pipe_ends);
}

int pipe_end(int which)
{
	return pipe_ends[which];
}

int connect_to(int port_of)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (getsockname(port_of, (struct sockaddr *)&address, &length) ||
	    connect(fd, (struct sockaddr *)&address, length))
		return -1;
	return fd;
}

int accept_on(int fd)
{
	return accept(fd, NULL, NULL);
}

int make_event(int value)
{
	return eventfd((unsigned)value, 0);
}

int make_memory(const char *text)
{
	int fd = memfd_create("state", 0);

	return write(fd, text, strlen(text)) < 0 ? -1 : fd;
}

int make_epoll(int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = 4711 };
	int set = epoll_create1(0);

	return epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) ? -1 : set;
}

int make_timer(void)
{
	struct itimerspec soon = { .it_value.tv_nsec = 1 };
	int fd = timerfd_create(CLOCK_MONOTONIC, 0);

	return timerfd_settime(fd, 0, &soon, NULL) ? -1 : fd;
}

int watch_directory(const char *path)
{
	int fd = inotify_init();

	return inotify_add_watch(fd, path, IN_CREATE) < 0 ? -1 : fd;
}

int read_some(int fd, int count)
{
	char text[64];

	return (int)read(fd, text, (size_t)count);
}

int write_text(int fd, const char *text)
{
	return (int)write(fd, text, strlen(text));
}

int seek_to(int fd, int offset)
{
	return (int)lseek(fd, offset, SEEK_SET);
}

int set_nonblocking(int fd)
{
	return fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

int is_kept_on_exec(int fd)
{
	return !(fcntl(fd, F_GETFD) & FD_CLOEXEC);
}

struct channel {
	int fd, count;
};

int write_channel(const struct channel *channel, const char *text)
{
	return write_text(channel->fd, text);
}

int send_descriptor(int over, int fd)
{
	char room[CMSG_SPACE(sizeof fd)] = "", byte = 'x';
	struct iovec vector = { &byte, 1 };
	struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1, .msg_control = room,
				  .msg_controllen = sizeof room };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(header), &fd, sizeof fd);
	return (int)sendmsg(over, &message, 0);
}

int open_forgotten(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT, 0666);

	return fd >= 0;
}

/* ---- streams ------------------------------------------------------------------------------------ */

void *open_stream(const char *path, const char *mode)
{
	return fopen(path, mode);
}

int put_to(void *stream, const char *text)
{
	return fputs(text, stream);
}

int close_stream(void *stream)
{
	return fclose(stream);
}

int print(const char *text)
{
	return printf("%s", text);
}

int print_and_flush(const char *text)
{
	return printf("%s", text) + fflush(stdout);
}

int complain(const char *text)
{
	return fprintf(stderr, "%s", text);
}

const char *read_line(void)
{
	static char line[64];

	return fgets(line, sizeof line, stdin) ? line : NULL;
}

/* ---- directory, files ------------------------------------------------------------------------------ */

int change_directory(const char *path)
{
	return chdir(path);
}

int change_root(const char *path)
{
	return chroot(path) ? -1 : chdir("/");
}

const char *directory(void)
{
	static char path[4096];

	return getcwd(path, sizeof path);
}

int is_there(const char *path)
{
	return !access(path, F_OK);
}

int set_mask(int mask)
{
	return (int)umask((mode_t)mask);
}

int make_file(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0666);

	return fd < 0 ? -1 : close(fd);
}

int *map_file(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT, 0666), *mapped;

	if (ftruncate(fd, 4096))
		return NULL;
	mapped = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return mapped == MAP_FAILED ? NULL : mapped;
}

int *map_named(const char *name)
{
	int fd = shm_open(name, O_RDWR, 0), *mapped;

	mapped = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return mapped == MAP_FAILED ? NULL : mapped;
}

int *map_private(void)
{
	int *mapped = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return mapped == MAP_FAILED ? NULL : mapped;
}

int store(void *at, int value)
{
	return *(int *)at = value;
}

int load(const void *at)
{
	return *(const int *)at;
}

void *attach_segment(int id)
{
	void *at = shmat(id, NULL, 0);

	return at == (void *)-1 ? NULL : at;
}

int change_semaphore(int id, int by)
{
	struct sembuf change = { .sem_op = (short)by, .sem_flg = IPC_NOWAIT };

	return semop(id, &change, 1);
}

int post_named(const char *name)
{
	sem_t *semaphore = sem_open(name, 0);
	int result = semaphore == SEM_FAILED ? -1 : sem_post(semaphore);

	if (semaphore != SEM_FAILED)
		sem_close(semaphore);
	return result;
}

/* ---- locks ------------------------------------------------------------------------------------------ */

int lock_posix(int fd, int type)
{
	struct flock lock = { .l_type = (short)type, .l_whence = SEEK_SET };

	return fcntl(fd, F_SETLK, &lock);
}

int lock_posix_path(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT, 0666);

	return lock_posix(fd, F_WRLCK);
}

int lock_description(int fd, int type)
{
	struct flock lock = { .l_type = (short)type, .l_whence = SEEK_SET };

	return fcntl(fd, F_OFD_SETLK, &lock);
}

int lock_description_path(const char *path)
{
	return lock_description(open(path, O_RDWR | O_CREAT, 0666), F_WRLCK);
}

int lock_bsd(int fd, int how)
{
	return flock(fd, how | LOCK_NB);
}

int lock_bsd_path(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT, 0666);

	return flock(fd, LOCK_EX | LOCK_NB);
}

/* ---- environment, locale, time zone ------------------------------------------------------------------- */

const char *get_variable(const char *name)
{
	return getenv(name);
}

int set_variable(const char *name, const char *value)
{
	return value ? setenv(name, value, 1) : unsetenv(name);
}

int count_variables(void)
{
	extern char **environ;
	int count = 0;

	while (environ && environ[count])
		count++;
	return count;
}

const char *encoding(void)
{
	return nl_langinfo(CODESET);
}

const char *set_locale(const char *name)
{
	return setlocale(LC_ALL, name);
}

/* For this thread. */
int use_locale(const char *name)
{
	locale_t made = newlocale(LC_ALL_MASK, name, (locale_t)0);

	return made && uselocale(made) ? 0 : -1;
}

int local_hour(long when)
{
	time_t time = when;
	struct tm *fields = localtime(&time);

	return fields->tm_hour * 100 + fields->tm_min;
}

/* ---- the library's own state --------------------------------------------------------------------------- */

int fail_with(int error)
{
	errno = error;
	return -1;
}

static char sentence[] = "one two three";

const char *next_word(int first)
{
	return strtok(first ? sentence : NULL, " ");
}

int counter;

int count_up(void)
{
	return ++counter;
}

static __thread int mine;

int count_mine(void)
{
	return ++mine;
}

static pthread_key_t key;
static char ended_path[256];

static void at_thread_end(void *value)
{
	int fd = open(ended_path, O_WRONLY | O_CREAT | O_APPEND, 0666);

	if (fd >= 0 && write(fd, value, 1) == 1)
		close(fd);
}

int make_key(const char *path)
{
	snprintf(ended_path, sizeof ended_path, "%s", path);
	return pthread_key_create(&key, at_thread_end);
}

int set_key(void)
{
	return pthread_setspecific(key, "x");
}

void seed(int by)
{
	srand((unsigned)by);
}

int random_number(void)
{
	return rand();
}

/* Reseeds itself when it finds itself in another process, as such generators do. */
int guarded_random(void)
{
	static unsigned long pool;
	static pid_t owner;

	if (owner != getpid()) {
		owner = getpid();
		pool = (unsigned long)owner * 2654435761u ^ (unsigned long)time(NULL);
	}
	pool = pool * 6364136223846793005u + 1442695040888963407u;
	return (int)(pool >> 33);
}

int parse_options(void)
{
	char *arguments[] = { "x", "-a", "-b", "rest", NULL };

	optind = 1;
	while (getopt(4, arguments, "ab") != -1)
		;
	return optind;
}

int load_math(void)
{
	void *math = dlopen("libm.so.6", RTLD_NOW);
	double (*cosine)(double) = (double (*)(double))dlsym(math, "cos");

	return cosine ? (int)(cosine(0) * 100) : -1;
}

static void at_exit_of_process(void)
{
	int fd = open(ended_path, O_WRONLY | O_CREAT, 0666);

	if (fd >= 0 && write(fd, "ended", 5) == 5)
		close(fd);
}

int at_exit(const char *path)
{
	snprintf(ended_path, sizeof ended_path, "%s", path);
	return atexit(at_exit_of_process);
}

static void *add_in_thread(void *data)
{
	counter += 40;
	return data;
}

int run_thread(void)
{
	pthread_t thread;

	counter = 2;
	if (pthread_create(&thread, NULL, add_in_thread, NULL))
		return -1;
	pthread_join(thread, NULL);
	return counter;
}

static void *wait_and_write(void *data)
{
	int fd = open("from-thread", O_WRONLY | O_CREAT, 0666), go = (int)(intptr_t)data;
	char byte;

	if (read(go, &byte, 1) != 1 || write(fd, "later", 5) != 5)
		return NULL;
	close(fd);
	return NULL;
}

/* A thread that goes on when the call is over. */
int leave_thread(int go)
{
	pthread_t thread;

	return pthread_create(&thread, NULL, wait_and_write, (void *)(intptr_t)go);
}

/* ---- memory ----------------------------------------------------------------------------------------------- */

char *make_text(const char *text)
{
	return strdup(text);
}

void *make_block(int size)
{
	return calloc(1, (size_t)size);
}

void drop_block(void *block)
{
	free(block);
}

int sum(const int *numbers, int count)
{
	int total = 0;

	for (int i = 0; i < count; i++)
		total += numbers[i];
	return total;
}

static const int *kept;

void keep_number(const int *number)
{
	kept = number;
}

int kept_number(void)
{
	return *kept;
}

/* ---- who it is --------------------------------------------------------------------------------------------- */

int own_id(int which)
{
	switch (which) {
	case 0:
		return getpid();
	case 1:
		return getppid();
	default:
		return gettid();
	}
}

int user_id(int which)
{
	switch (which) {
	case 0:
		return (int)getuid();
	case 1:
		return (int)geteuid();
	default:
		return getgroups(0, NULL);
	}
}

int group_and_session(int which)
{
	return which ? getsid(0) : getpgrp();
}

int become(int user)
{
	return setresgid((gid_t)user, (gid_t)user, (gid_t)user) ? -1
	       : setresuid((uid_t)user, (uid_t)user, (uid_t)user);
}

int new_group(void)
{
	return setpgid(0, 0);
}

int new_session(void)
{
	return setsid() < 0 ? -1 : 0;
}

int set_name(const char *name)
{
	return prctl(PR_SET_NAME, name);
}

const char *own_program(void)
{
	static char path[4096];
	ssize_t got = readlink("/proc/self/exe", path, sizeof path - 1);

	path[got < 0 ? 0 : got] = '\0';
	return path;
}

int has_descriptor(int fd)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	return !access(path, F_OK);
}

int terminal_group(void)
{
	int fd = open("/dev/tty", O_RDWR);
	int group = fd < 0 ? -1 : tcgetpgrp(fd);

	close(fd);
	return group;
}

int write_terminal(const char *text)
{
	int fd = open("/dev/tty", O_RDWR);
	int result = write_text(fd, text);

	close(fd);
	return result;
}

/* ---- processes ----------------------------------------------------------------------------------------------- */

int fork_child(int status)
{
	pid_t pid = fork();

	if (!pid)
		_exit(status);
	return pid;
}

int wait_for_child(int pid)
{
	int status;

	return waitpid(pid, &status, 0) < 0 ? -1 : WEXITSTATUS(status);
}

int run_command(const char *command)
{
	int status = system(command);

	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

const char *output_of(const char *command)
{
	static char text[64];
	FILE *pipe = popen(command, "r");

	if (!pipe || !fgets(text, sizeof text, pipe))
		text[0] = '\0';
	if (pipe)
		pclose(pipe);
	return text;
}

int spawn_program(const char *program, const char *argument)
{
	extern char **environ;
	char *arguments[] = { (char *)program, (char *)argument, NULL };
	pid_t pid = -1;

	return posix_spawnp(&pid, program, NULL, NULL, arguments, environ) ? -1 : pid;
}

/* Writes when it is told to, long after the call. */
int leave_child(int go, const char *path)
{
	pid_t pid = fork();
	char byte;
	int fd;

	if (pid)
		return pid > 0;
	if (read(go, &byte, 1) != 1)
		_exit(1);
	fd = open(path, O_WRONLY | O_CREAT, 0666);
	_exit(write(fd, "child", 5) != 5);
}

int replace_process(const char *program)
{
	char *arguments[] = { (char *)program, NULL };

	return execvp(program, arguments);
}

/* ---- signals ---------------------------------------------------------------------------------------------------- */

static volatile sig_atomic_t caught;

static void on_signal(int signal)
{
	caught = signal;
}

int install_handler(int signal)
{
	struct sigaction action = { .sa_handler = on_signal };

	return sigaction(signal, &action, NULL);
}

int caught_signal(void)
{
	return caught;
}

int raise_it(int signal)
{
	return raise(signal);
}

int kill_itself(int signal)
{
	return kill(getpid(), signal);
}

int block_signal(int signal)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signal);
	return pthread_sigmask(SIG_BLOCK, &set, NULL);
}

int is_blocked(int signal)
{
	sigset_t set;

	pthread_sigmask(SIG_SETMASK, NULL, &set);
	return sigismember(&set, signal);
}

int ignores(int signal)
{
	struct sigaction action;

	sigaction(signal, NULL, &action);
	return action.sa_handler == SIG_IGN;
}

int set_alarm(int microseconds)
{
	return (int)ualarm((useconds_t)microseconds, 0);
}

int set_interval_timer(int microseconds)
{
	struct itimerval soon = { .it_value.tv_usec = microseconds };

	return setitimer(ITIMER_REAL, &soon, NULL);
}

int set_posix_timer(int microseconds, int signal)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = signal };
	struct itimerspec soon = { .it_value.tv_nsec = microseconds * 1000L };
	timer_t timer;

	return timer_create(CLOCK_MONOTONIC, &event, &timer) ? -1
							     : timer_settime(timer, 0, &soon, NULL);
}

static void on_timer(union sigval value)
{
	counter = value.sival_int;
}

int set_thread_timer(int value)
{
	struct sigevent event = { .sigev_notify = SIGEV_THREAD, .sigev_notify_function = on_timer,
				  .sigev_value.sival_int = value };
	struct itimerspec soon = { .it_value.tv_nsec = 1000 };
	timer_t timer;

	return timer_create(CLOCK_MONOTONIC, &event, &timer) ? -1
							     : timer_settime(timer, 0, &soon, NULL);
}

int break_pipe(int fd)
{
	return write(fd, "x", 1) < 0 ? errno : 0;
}

/* ---- limits ------------------------------------------------------------------------------------------------------- */

int get_limit(int resource)
{
	struct rlimit limit;

	return getrlimit((__rlimit_resource_t)resource, &limit) ? -1 : (int)limit.rlim_cur;
}

int set_limit(int resource, int value)
{
	struct rlimit limit;

	getrlimit((__rlimit_resource_t)resource, &limit);
	limit.rlim_cur = (rlim_t)value;
	return setrlimit((__rlimit_resource_t)resource, &limit);
}

int get_priority(void)
{
	return getpriority(PRIO_PROCESS, 0);
}

int be_nice(int by)
{
	return nice(by);
}

int cpu_count(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof set, &set) ? -1 : CPU_COUNT(&set);
}

int stay_on_one_cpu(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	return sched_setaffinity(0, sizeof set, &set);
}

/* ---- harm ------------------------------------------------------------------------------------------------------------ */

void end_process(int status)
{
	exit(status);
}

int crash(void)
{
	return *(volatile int *)launder(16);
}

int close_above(int low)
{
	return close_range((unsigned)low, ~0u, 0);
}
