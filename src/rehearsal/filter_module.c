/* SPDX-License-Identifier: MIT */
#include "rehearsal/filter.h"

#include <errno.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static int add(scmp_filter_ctx filter, const struct rule *rule, uint64_t word)
{
	struct scmp_arg_cmp pass = SCMP_CMP64(5, SCMP_CMP_EQ, word);
	struct scmp_arg_cmp masked = SCMP_CMP64(rule->argument, SCMP_CMP_MASKED_EQ, rule->mask,
						rule->value);

	if (rule->kind == RULE_ALLOW)
		return seccomp_rule_add(filter, SCMP_ACT_ALLOW, rule->number, 0);
	if (rule->kind == RULE_ALLOW_IF)
		return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, rule->number, 1, &masked);
	if (rule->kind == RULE_MISSING)
		return seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), rule->number, 0);
	if (sffi__rule_is_made(rule->kind))
		return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, rule->number, 1, &pass);
	return 0;
}

/* libseccomp writes it to a file. */
static struct sock_filter *export(scmp_filter_ctx filter, unsigned short *length)
{
	int file = memfd_create("safeffi-filter", MFD_CLOEXEC);
	int error = file < 0 ? -errno : seccomp_export_bpf(filter, file);
	off_t size = error ? 0 : lseek(file, 0, SEEK_END);
	struct sock_filter *program = size > 0 ? malloc((size_t)size) : NULL;

	if (program && pread(file, program, (size_t)size, 0) != size) {
		free(program);
		program = NULL;
	}
	if (file >= 0)
		close(file);
	*length = (unsigned short)((size_t)size / sizeof *program);
	if (error)
		errno = -error;
	return program;
}

static struct sock_filter *make(const struct rule *rules, size_t count, uint64_t word,
				unsigned short *length)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_TRAP);
	struct sock_filter *program = NULL;
	int error = filter ? 0 : -ENOMEM;

	/* A search tree instead of a list: shorter ways, and quicker to install. */
	if (!error)
		seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	for (size_t i = 0; i < count && !error; i++)
		error = add(filter, &rules[i], word);
	if (!error)
		program = export(filter, length);
	else
		errno = -error;
	if (filter)
		seccomp_release(filter);
	return program;
}

static char *name(int number)
{
	return seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number);
}

const struct filter_module safeffi_filter = { make, name };
