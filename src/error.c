/* SPDX-License-Identifier: MIT */
#include "error.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { SENTENCE_SIZE = 1024, SHELVES = 256 };

/* A thread's sentence lies here, not in thread-local storage: of that a program that loads this
 * library while it runs has next to nothing left to give. Nor on the heap, whose locks a callee in
 * process may have taken with it. More threads than that have a mapping each. */
static char shelves[SHELVES][SENTENCE_SIZE];
static atomic_bool is_taken[SHELVES];
static char no_room[SENTENCE_SIZE];
static __thread char *sentence;
/* Instead of the sentence, while nobody has asked for it. */
static __thread const struct sentence_writer *writer;
static __thread void *writer_data;
static pthread_key_t thread_end;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void drop_writer(void)
{
	const struct sentence_writer *dropped = writer;

	writer = NULL;
	if (dropped)
		dropped->drop(writer_data);
}

static char *take_shelf(void)
{
	char *mapping;

	for (size_t i = 0; i < SHELVES; i++)
		if (!atomic_load_explicit(&is_taken[i], memory_order_relaxed) &&
		    !atomic_exchange(&is_taken[i], true))
			return shelves[i];
	mapping = mmap(NULL, SENTENCE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return mapping == MAP_FAILED ? no_room : mapping;
}

static void give_shelf(char *shelf)
{
	size_t index = (size_t)(shelf - shelves[0]) / SENTENCE_SIZE;

	if (shelf >= shelves[0] && index < SHELVES) {
		shelf[0] = '\0';
		atomic_store(&is_taken[index], false);
	} else if (shelf != no_room) {
		munmap(shelf, SENTENCE_SIZE);
	}
}

static void on_thread_end(void *data)
{
	char *shelf = sentence;

	(void)data;
	drop_writer();
	sentence = NULL;
	if (shelf)
		give_shelf(shelf);
}

static void make_key(void)
{
	pthread_key_create(&thread_end, on_thread_end);
}

static char *my_sentence(void)
{
	if (!sentence) {
		sentence = take_shelf();
		pthread_once(&once, make_key);
		pthread_setspecific(thread_end, sentence);
	}
	return sentence;
}

sffi_status sffi__fail_later(sffi_status status, const struct sentence_writer *given, void *data)
{
	my_sentence();
	drop_writer();
	writer = given;
	writer_data = data;
	return status;
}

sffi_status sffi__fail(sffi_status status, const char *format, ...)
{
	va_list arguments;

	drop_writer();
	va_start(arguments, format);
	vsnprintf(my_sentence(), SENTENCE_SIZE, format, arguments);
	va_end(arguments);
	return status;
}

sffi_status sffi__fail_system(int error, const char *what)
{
	char text[128];

	error = abs(error);
	return sffi__fail(error == ENOMEM ? SFFI_ENOMEM : SFFI_ESYSTEM, "cannot %s: %s", what,
			  strerror_r(error, text, sizeof text));
}

const char *sffi_error(void)
{
	if (writer)
		writer->write(my_sentence(), SENTENCE_SIZE, writer_data);
	drop_writer();
	return sentence ? sentence : "";
}

static const char *const names[] = {
	[-SFFI_OK] = "SFFI_OK",
	[-SFFI_EFAULT] = "SFFI_EFAULT",
	[-SFFI_ETIMEOUT] = "SFFI_ETIMEOUT",
	[-SFFI_ECANCELED] = "SFFI_ECANCELED",
	[-SFFI_ESTALE] = "SFFI_ESTALE",
	[-SFFI_ECLOSED] = "SFFI_ECLOSED",
	[-SFFI_EDECL] = "SFFI_EDECL",
	[-SFFI_ETYPE] = "SFFI_ETYPE",
	[-SFFI_ENOLIB] = "SFFI_ENOLIB",
	[-SFFI_ENOSYM] = "SFFI_ENOSYM",
	[-SFFI_EINVAL] = "SFFI_EINVAL",
	[-SFFI_ENOMEM] = "SFFI_ENOMEM",
	[-SFFI_ENOTSUP] = "SFFI_ENOTSUP",
	[-SFFI_ESYSTEM] = "SFFI_ESYSTEM",
	[-SFFI_EADDRESS] = "SFFI_EADDRESS",
	[-SFFI_EPOISONED] = "SFFI_EPOISONED",
	[-SFFI_ECOLLATERAL] = "SFFI_ECOLLATERAL",
	[-SFFI_EUPCALL] = "SFFI_EUPCALL",
};

const char *sffi_status_name(sffi_status status)
{
	int index = -(int)status;

	if (index < 0 || index >= (int)(sizeof names / sizeof *names))
		return "unknown status";
	return names[index];
}
