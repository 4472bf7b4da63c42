/* SPDX-License-Identifier: MIT */
/* Behaves well: a function for every way that arguments, results and state can travel. */
#include "victim.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- scalars ------------------------------------------------------------------ */

int add(int a, int b)
{
	return (int)((unsigned)a + (unsigned)b);
}

void do_nothing(void)
{
}

#define IDENTITY(type, name)      \
	type same_##name(type x)  \
	{                         \
		return x;         \
	}

IDENTITY(bool, bool)
IDENTITY(char, char)
IDENTITY(signed char, schar)
IDENTITY(unsigned char, uchar)
IDENTITY(short, short)
IDENTITY(unsigned short, ushort)
IDENTITY(int, int)
IDENTITY(unsigned, uint)
IDENTITY(long, long)
IDENTITY(unsigned long, ulong)
IDENTITY(long long, llong)
IDENTITY(unsigned long long, ullong)
IDENTITY(float, float)
IDENTITY(double, double)
IDENTITY(int8_t, int8)
IDENTITY(uint8_t, uint8)
IDENTITY(int16_t, int16)
IDENTITY(uint16_t, uint16)
IDENTITY(int32_t, int32)
IDENTITY(uint32_t, uint32)
IDENTITY(int64_t, int64)
IDENTITY(uint64_t, uint64)
IDENTITY(size_t, size)
IDENTITY(wchar_t, wchar)
IDENTITY(void *, pointer)

enum color { RED, GREEN = 5, BLUE };

enum color next_color(enum color c)
{
	return c == RED ? GREEN : c == GREEN ? BLUE : RED;
}

/* The callee may rely on the caller's extension of narrow types: show the whole register. */
long widen_schar(signed char x)
{
	return x;
}

unsigned long widen_uchar(unsigned char x)
{
	return x;
}

long widen_short(short x)
{
	return x;
}

unsigned long widen_ushort(unsigned short x)
{
	return x;
}

float halve_float(float x)
{
	return x / 2;
}

double add_double(double a, double b)
{
	return a + b;
}

double mix(int a, double b, long c, float d, short e, double f, unsigned char g, bool h)
{
	return a + 2 * b + 3 * (double)c + 4 * (double)d + 5 * e + 6 * f + 7 * g + 8 * h;
}

/* ---- many arguments ------------------------------------------------------------- */

long sum7(int a, int b, int c, int d, int e, int f, int g)
{
	return a + 2L * b + 3L * c + 4L * d + 5L * e + 6L * f + 7L * g;
}

double sum10_double(double a, double b, double c, double d, double e, double f, double g, double h,
		    double i, double j)
{
	return a + 2 * b + 3 * c + 4 * d + 5 * e + 6 * f + 7 * g + 8 * h + 9 * i + 10 * j;
}

/* Every argument weighed by its place, so that no two can be swapped unnoticed. */
long sum32(long a1, long a2, long a3, long a4, long a5, long a6, long a7, long a8, long a9, long a10,
	   long a11, long a12, long a13, long a14, long a15, long a16, long a17, long a18, long a19,
	   long a20, long a21, long a22, long a23, long a24, long a25, long a26, long a27, long a28,
	   long a29, long a30, long a31, long a32)
{
	long all[] = { a1,  a2,  a3,  a4,  a5,  a6,  a7,  a8,  a9,  a10, a11, a12, a13, a14, a15, a16,
		       a17, a18, a19, a20, a21, a22, a23, a24, a25, a26, a27, a28, a29, a30, a31, a32 };
	long sum = 0;

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		sum += (long)(i + 1) * all[i];
	return sum;
}

double sum40_mixed(int i1, double d1, int8_t i2, float f1, long i3, double d2, uint16_t i4, float f2,
		   int i5, double d3, int8_t i6, float f3, long i7, double d4, uint16_t i8, float f4,
		   int i9, double d5, int8_t i10, float f5, long i11, double d6, uint16_t i12, float f6,
		   int i13, double d7, int8_t i14, float f7, long i15, double d8, uint16_t i16, float f8,
		   int i17, double d9, int8_t i18, float f9, long i19, double d10, uint16_t i20, float f10)
{
	double all[] = { i1,  d1, i2,  (double)f1, (double)i3,  d2,  i4,  (double)f2,
			 i5,  d3, i6,  (double)f3, (double)i7,  d4,  i8,  (double)f4,
			 i9,  d5, i10, (double)f5, (double)i11, d6,  i12, (double)f6,
			 i13, d7, i14, (double)f7, (double)i15, d8,  i16, (double)f8,
			 i17, d9, i18, (double)f9, (double)i19, d10, i20, (double)f10 };
	double sum = 0;

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		sum += (double)(i + 1) * all[i];
	return sum;
}

/* ---- errno and state --------------------------------------------------------------- */

int set_errno(int value)
{
	errno = value;
	return value ? -1 : 0;
}

int get_errno(void)
{
	return errno;
}

static int counter;

int count(void)
{
	return ++counter;
}

int exported_number = 1234;
double exported_double = 2.5;
const char *exported_text = "a global string";
int exported_array[4] = { 1, 2, 3, 4 };

int get_exported_number(void)
{
	return exported_number;
}

static __thread int thread_counter;

int count_in_thread(void)
{
	return ++thread_counter;
}

static pthread_t remembered;
static bool is_remembered;

/* As GUI toolkits do: the thread that initializes is the only one that is served. */
void remember_thread(void)
{
	remembered = pthread_self();
	is_remembered = true;
}

int refuse_other_threads(void)
{
	return is_remembered && pthread_equal(remembered, pthread_self()) ? 0 : -1;
}

int is_main_thread(void)
{
	return getpid() == gettid();
}

int process_id(void)
{
	return getpid();
}

/* ---- strings and pointers ------------------------------------------------------------ */

size_t length_of(const char *text)
{
	return text ? strlen(text) : (size_t)-1;
}

const char *greeting(void)
{
	return "hello";
}

const char *no_text(void)
{
	return NULL;
}

/* A pointer into the caller's own text, as strchr gives it. */
char *find_character(const char *text, int c)
{
	return strchr(text, c);
}

/* strtol's endptr: a pointer into one argument, stored through another. */
long parse_number(const char *text, char **end)
{
	return strtol(text, end, 10);
}

void uppercase(char *text, size_t size)
{
	for (size_t i = 0; i < size && text[i]; i++)
		text[i] = (char)toupper((unsigned char)text[i]);
}

void increment(int *x)
{
	++*x;
}

int read_int(const int *x)
{
	return x ? *x : -1;
}

void store_int(int *x, int value)
{
	*x = value;
}

void *make_handle(int value)
{
	int *handle = malloc(sizeof *handle);

	if (handle)
		*handle = value;
	return handle;
}

/* The same in memory that is no allocator's. */
void *map_handle(int value)
{
	int *handle = mmap(NULL, sizeof *handle, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			   -1, 0);

	if (handle == MAP_FAILED)
		return NULL;
	*handle = value;
	return handle;
}

int read_handle(void *handle)
{
	return *(int *)handle;
}

void free_handle(void *handle)
{
	free(handle);
}

static void *kept;

void keep_pointer(void *p)
{
	kept = p;
}

void *kept_pointer(void)
{
	return kept;
}

int read_kept(void)
{
	return *(volatile int *)kept;
}

/* ---- buffers ---------------------------------------------------------------------------- */

unsigned long sum_bytes(const unsigned char *bytes, size_t count_of_bytes)
{
	unsigned long sum = 0;

	for (size_t i = 0; i < count_of_bytes; i++)
		sum += bytes[i];
	return sum;
}

long sum_ints(const int *numbers, size_t n)
{
	long sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += numbers[i];
	return sum;
}

void fill(unsigned char *to, size_t size, int value)
{
	memset(to, value, size);
}

void reverse_ints(int *numbers, size_t n)
{
	for (size_t i = 0; i < n / 2; i++) {
		int other = numbers[n - 1 - i];

		numbers[n - 1 - i] = numbers[i];
		numbers[i] = other;
	}
}

/* Writes at most *size bytes and says how many, as compress() does. */
int squares(uint32_t *to, size_t *size)
{
	size_t n = *size < 10 ? *size : 10;

	for (size_t i = 0; i < n; i++)
		to[i] = (uint32_t)(i * i);
	*size = n;
	return 0;
}

/* Two parameters may be the same buffer. */
int are_same(const int *a, const int *b)
{
	return a == b;
}

/* ---- structs by pointer -------------------------------------------------------------------- */

struct point {
	int x, y;
};

struct rectangle {
	struct point corner[2];
	double scale;
	const char *name;
};

struct node {
	int value;
	struct node *next;
};

int point_sum(const struct point *p)
{
	return p->x + p->y;
}

void point_move(struct point *p, int dx, int dy)
{
	p->x += dx;
	p->y += dy;
}

double rectangle_area(const struct rectangle *r)
{
	return r->scale * (r->corner[1].x - r->corner[0].x) * (r->corner[1].y - r->corner[0].y);
}

size_t rectangle_name_length(const struct rectangle *r)
{
	return r->name ? strlen(r->name) : 0;
}

void points_clear(struct point *points, size_t n)
{
	for (size_t i = 0; i < n; i++)
		points[i] = (struct point){ 0, 0 };
}

/* Walks a list that the callee or the arena holds. */
int list_sum(const struct node *list)
{
	int sum = 0;

	for (; list; list = list->next)
		sum += list->value;
	return sum;
}

struct node *list_make(int n)
{
	struct node *list = NULL;

	while (n > 0) {
		struct node *node = malloc(sizeof *node);

		if (!node)
			break;
		node->value = n--;
		node->next = list;
		list = node;
	}
	return list;
}

void list_free(struct node *list)
{
	while (list) {
		struct node *next = list->next;

		free(list);
		list = next;
	}
}

/* ---- callbacks, for the modes that have them -------------------------------------------------- */

int apply(int (*function)(int), int x)
{
	return function ? function(x) : -1;
}

int (*chooser(int which))(int, int)
{
	return which ? add : NULL;
}

/* ---- descriptors, files, process state ---------------------------------------------------------- */

ssize_t read_some(int fd, char *to, size_t size)
{
	return read(fd, to, size);
}

ssize_t write_some(int fd, const char *from, size_t size)
{
	return write(fd, from, size);
}

int open_file(const char *path)
{
	return open(path, O_RDONLY | O_CLOEXEC);
}

int is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

const char *environment(const char *name)
{
	return getenv(name);
}

const char *directory(void)
{
	static char path[4096];

	return getcwd(path, sizeof path);
}

int change_directory(const char *path)
{
	return chdir(path);
}

int print_line(const char *text)
{
	return puts(text);
}

int sleep_ms(int milliseconds)
{
	return usleep((useconds_t)milliseconds * 1000);
}

/* Memory that the callee fills, as libraries with caches do. */
void *allocate(size_t size)
{
	return malloc(size);
}

void *map(size_t size)
{
	void *mapped = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return mapped == MAP_FAILED ? NULL : mapped;
}
