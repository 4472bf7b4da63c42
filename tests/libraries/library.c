/* SPDX-License-Identifier: MIT */
#include "library.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>

static char scratch[64];

/* In a process of its own: workers must not find the library loaded already. */
static bool is_installed(const char *library)
{
	int status = -1;
	pid_t child = fork();

	if (child == 0)
		_exit(dlopen(library, RTLD_LAZY) ? 0 : 1);
	return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

int library_main(int argc, char **argv, Suite *suite, const char *const *libraries)
{
	for (; *libraries; libraries++) {
		if (is_installed(*libraries))
			continue;
		printf("1..0 # SKIP %s is not installed\n", *libraries);
		return 0;
	}
	return test_main(argc, argv, suite);
}

sffi_library *library_load(sffi_domain *domain, const char *name, const char *declarations)
{
	sffi_library *library = NULL;
	char path[4096];

	snprintf(path, sizeof path, "%s/%s", EXAMPLES, declarations);
	ck_ok(sffi_library_open(&library, domain, name));
	ck_ok(sffi_library_declare_file(library, path));
	return library;
}

bool library_may_crash(void)
{
	const char *mode = getenv("SAFEFFI_MODE");

	return !mode || strcmp(mode, "direct") != 0;
}

bool library_keeps_what_is_freed(void)
{
	const char *mode = getenv("SAFEFFI_MODE");

	return library_may_crash() && (!mode || strcmp(mode, "rehearsed") != 0);
}

static bool has_frame_of(const sffi_fault *fault, const char *file)
{
	sffi_frame frame;

	for (size_t i = 0; i < sffi_fault_frame_count(fault); i++)
		if (sffi_fault_get_frame(fault, i, &frame) && frame.library && strstr(frame.library, file))
			return true;
	return false;
}

void library_crashed(sffi_status status, const char *function, const char *file)
{
	const sffi_fault *fault = sffi_last_fault();

	ck_assert_msg(status == SFFI_EFAULT, "%s: %s instead of a fault: %s", function,
		      sffi_status_name(status), sffi_error());
	ck_assert_ptr_nonnull(fault);
	ck_assert_str_eq(sffi_fault_get_function(fault), function);
	ck_assert_msg(strstr(sffi_error(), function), "no \"%s\" in \"%s\"", function, sffi_error());
	/* What AddressSanitizer's runtime does before it aborts hides the frames. */
	if (!file || test_is_sanitized() || has_frame_of(fault, file))
		return;
	sffi_fault_print(fault, stderr);
	ck_abort_msg("%s: no frame of %s in the report", function, file);
}

void library_recover(sffi_domain *domain)
{
	/* In process the library's state is what the crash left: it is loaded anew. */
	if (sffi_domain_mode(domain) != SFFI_ISOLATED)
		ck_ok(sffi_domain_restart(domain));
	test_still_works(domain);
}

void library_enter_scratch(void)
{
	strcpy(scratch, "/tmp/safeffi-library-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(scratch));
	/* Nobody's own configuration takes part. */
	setenv("HOME", scratch, 1);
	setenv("GIT_CONFIG_NOSYSTEM", "1", 1);
}

void library_leave_scratch(void)
{
	free(library_run("rm -rf '%s'", scratch));
}

const char *library_scratch(const char *name)
{
	static char paths[8][256];
	static unsigned next;
	char *path = paths[next++ % 8];

	snprintf(path, sizeof paths[0], "%s/%s", scratch, name);
	return path;
}

void library_write(const char *path, const void *bytes, size_t size)
{
	FILE *file = fopen(path, "wb");

	ck_assert_msg(file != NULL, "%s cannot be written", path);
	ck_assert_uint_eq(fwrite(bytes, 1, size, file), size);
	ck_assert_int_eq(fclose(file), 0);
}

static char *read_all(FILE *file, size_t *size)
{
	char *bytes = NULL, chunk[4096];
	size_t used = 0, got;
	FILE *memory = open_memstream(&bytes, &used);

	ck_assert_ptr_nonnull(memory);
	while ((got = fread(chunk, 1, sizeof chunk, file)) > 0)
		ck_assert_uint_eq(fwrite(chunk, 1, got, memory), got);
	ck_assert_int_eq(fclose(memory), 0);
	if (size)
		*size = used;
	return bytes;
}

char *library_read(const char *path, size_t *size)
{
	FILE *file = fopen(path, "rb");
	char *bytes;

	ck_assert_msg(file != NULL, "%s cannot be read", path);
	bytes = read_all(file, size);
	fclose(file);
	return bytes;
}

static char *run(const char *format, va_list arguments, int *status)
{
	char command[8192], all[8400];
	FILE *pipe;
	char *text;

	vsnprintf(command, sizeof command, format, arguments);
	snprintf(all, sizeof all, "cd '%s' || exit 99; %s", scratch, command);
	pipe = popen(all, "re");
	ck_assert_ptr_nonnull(pipe);
	text = read_all(pipe, NULL);
	*status = pclose(pipe);
	return text;
}

char *library_run(const char *format, ...)
{
	va_list arguments;
	char *text;
	int status;

	va_start(arguments, format);
	text = run(format, arguments, &status);
	va_end(arguments);
	ck_assert_msg(status == 0, "'%s' ended with %#x and said: %s", format, status, text);
	return text;
}

char *library_run_failing(const char *format, ...)
{
	va_list arguments;
	char *text;
	int status;

	va_start(arguments, format);
	text = run(format, arguments, &status);
	va_end(arguments);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) != 0, "'%s' ended with %#x and said: %s",
		      format, status, text);
	return text;
}

void library_same(const char *one, const char *other)
{
	char *left = library_run("%s", one), *right = library_run("%s", other);

	ck_assert_str_eq(left, right);
	ck_assert_msg(*left, "'%s' printed nothing", one);
	free(left);
	free(right);
}
