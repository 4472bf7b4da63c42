/* SPDX-License-Identifier: MIT */
/* The types that need no declaration. */
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <uchar.h>
#include <unistd.h>
#include <wchar.h>

#include "type/scope.h"

#define OF(c_type) .is_complete = true, .size = sizeof(c_type), .alignment = _Alignof(c_type)

static const struct type basic_types[] = {
	[BASIC_VOID] = { TYPE_VOID, .name = "void" },
	[BASIC_BOOL] = { TYPE_BOOL, OF(_Bool), .name = "_Bool" },
	[BASIC_CHAR] = { TYPE_INTEGER, OF(char), .is_signed = CHAR_MIN < 0, .is_character = true,
			 .is_plain_char = true, .name = "char" },
	[BASIC_SCHAR] = { TYPE_INTEGER, OF(signed char), .is_signed = true, .is_character = true,
			  .name = "signed char" },
	[BASIC_UCHAR] = { TYPE_INTEGER, OF(unsigned char), .is_character = true,
			  .name = "unsigned char" },
	[BASIC_SHORT] = { TYPE_INTEGER, OF(short), .is_signed = true, .name = "short" },
	[BASIC_USHORT] = { TYPE_INTEGER, OF(unsigned short), .name = "unsigned short" },
	[BASIC_INT] = { TYPE_INTEGER, OF(int), .is_signed = true, .name = "int" },
	[BASIC_UINT] = { TYPE_INTEGER, OF(unsigned int), .name = "unsigned int" },
	[BASIC_LONG] = { TYPE_INTEGER, OF(long), .is_signed = true, .name = "long" },
	[BASIC_ULONG] = { TYPE_INTEGER, OF(unsigned long), .name = "unsigned long" },
	[BASIC_LLONG] = { TYPE_INTEGER, OF(long long), .is_signed = true, .name = "long long" },
	[BASIC_ULLONG] = { TYPE_INTEGER, OF(unsigned long long), .name = "unsigned long long" },
	[BASIC_INT128] = { TYPE_INTEGER, OF(__int128), .is_signed = true, .name = "__int128" },
	[BASIC_UINT128] = { TYPE_INTEGER, OF(unsigned __int128), .name = "unsigned __int128" },
	[BASIC_FLOAT] = { TYPE_FLOAT, OF(float), .name = "float" },
	[BASIC_DOUBLE] = { TYPE_FLOAT, OF(double), .name = "double" },
	[BASIC_LDOUBLE] = { TYPE_FLOAT, OF(long double), .name = "long double" },
	[BASIC_CFLOAT] = { TYPE_COMPLEX, OF(float _Complex), .name = "float _Complex" },
	[BASIC_CDOUBLE] = { TYPE_COMPLEX, OF(double _Complex), .name = "double _Complex" },
	[BASIC_CLDOUBLE] = { TYPE_COMPLEX, OF(long double _Complex),
			     .name = "long double _Complex" },
	[BASIC_FD] = { TYPE_FD, OF(int), .is_signed = true, .name = "fd" },
	[BASIC_BUFFER] = { TYPE_BUFFER, OF(void *), .name = "buffer" },
	[BASIC_TOKEN] = { TYPE_TOKEN, OF(void *), .name = "token" },
	[BASIC_FILE] = { TYPE_STRUCT, .name = "struct _IO_FILE" },
	[BASIC_DIR] = { TYPE_STRUCT, .name = "struct __dirstream" },
	[BASIC_VOID_POINTER] = { TYPE_POINTER, OF(void *), .depth = 1,
				 .target = &basic_types[BASIC_VOID] },
	[BASIC_CHAR_POINTER] = { TYPE_POINTER, OF(char *), .depth = 1,
				 .target = &basic_types[BASIC_CHAR] },
};

const struct type *sffi__basic_type(enum basic_type type)
{
	return &basic_types[type];
}

/* What the C library's header says on this machine. */
#define SAME_AS(c_type)                                                                     \
	_Generic((c_type)0, char: BASIC_CHAR, signed char: BASIC_SCHAR,                     \
		 unsigned char: BASIC_UCHAR, short: BASIC_SHORT, unsigned short: BASIC_USHORT, \
		 int: BASIC_INT, unsigned int: BASIC_UINT, long: BASIC_LONG,                 \
		 unsigned long: BASIC_ULONG, long long: BASIC_LLONG,                         \
		 unsigned long long: BASIC_ULLONG, float: BASIC_FLOAT, double: BASIC_DOUBLE, \
		 void *: BASIC_VOID_POINTER, char *: BASIC_CHAR_POINTER)
#define STANDARD(name, basic) { name, { BINDING_TYPEDEF, .type = { &basic_types[basic], false } } }
#define C_TYPE(c_type) STANDARD(#c_type, SAME_AS(c_type))

struct standard {
	const char *name;
	struct binding binding;
};

/* Sorted by name, as strcmp sorts. */
static const struct standard standard_names[] = {
	STANDARD("DIR", BASIC_DIR),
	STANDARD("FILE", BASIC_FILE),
	STANDARD("__int128_t", BASIC_INT128),
	STANDARD("__uint128_t", BASIC_UINT128),
	C_TYPE(blkcnt_t),
	C_TYPE(blksize_t),
	STANDARD("bool", BASIC_BOOL),
	STANDARD("buffer", BASIC_BUFFER),
	C_TYPE(caddr_t),
	C_TYPE(char16_t),
	C_TYPE(char32_t),
	C_TYPE(clock_t),
	C_TYPE(clockid_t),
	C_TYPE(dev_t),
	STANDARD("fd", BASIC_FD),
	C_TYPE(fsblkcnt_t),
	C_TYPE(fsfilcnt_t),
	C_TYPE(gid_t),
	C_TYPE(id_t),
	C_TYPE(in_addr_t),
	C_TYPE(in_port_t),
	C_TYPE(ino_t),
	C_TYPE(int16_t),
	C_TYPE(int32_t),
	C_TYPE(int64_t),
	C_TYPE(int8_t),
	C_TYPE(int_fast16_t),
	C_TYPE(int_fast32_t),
	C_TYPE(int_fast64_t),
	C_TYPE(int_fast8_t),
	C_TYPE(int_least16_t),
	C_TYPE(int_least32_t),
	C_TYPE(int_least64_t),
	C_TYPE(int_least8_t),
	C_TYPE(intmax_t),
	C_TYPE(intptr_t),
	C_TYPE(key_t),
	C_TYPE(loff_t),
	C_TYPE(mode_t),
	C_TYPE(nfds_t),
	C_TYPE(nlink_t),
	STANDARD("off64_t", SAME_AS(int64_t)),
	C_TYPE(off_t),
	C_TYPE(pid_t),
	C_TYPE(pthread_t),
	C_TYPE(ptrdiff_t),
	C_TYPE(rlim_t),
	C_TYPE(sa_family_t),
	C_TYPE(sig_atomic_t),
	C_TYPE(size_t),
	C_TYPE(socklen_t),
	C_TYPE(ssize_t),
	C_TYPE(suseconds_t),
	C_TYPE(time_t),
	C_TYPE(timer_t),
	STANDARD("token", BASIC_TOKEN),
	C_TYPE(u_char),
	C_TYPE(u_int),
	C_TYPE(u_int16_t),
	C_TYPE(u_int32_t),
	C_TYPE(u_int64_t),
	C_TYPE(u_int8_t),
	C_TYPE(u_long),
	C_TYPE(u_short),
	C_TYPE(uid_t),
	C_TYPE(uint),
	C_TYPE(uint16_t),
	C_TYPE(uint32_t),
	C_TYPE(uint64_t),
	C_TYPE(uint8_t),
	C_TYPE(uint_fast16_t),
	C_TYPE(uint_fast32_t),
	C_TYPE(uint_fast64_t),
	C_TYPE(uint_fast8_t),
	C_TYPE(uint_least16_t),
	C_TYPE(uint_least32_t),
	C_TYPE(uint_least64_t),
	C_TYPE(uint_least8_t),
	C_TYPE(uintmax_t),
	C_TYPE(uintptr_t),
	C_TYPE(ulong),
	C_TYPE(useconds_t),
	C_TYPE(ushort),
	C_TYPE(wchar_t),
	C_TYPE(wint_t),
};

static int compare(const void *name, const void *standard)
{
	return strcmp(name, ((const struct standard *)standard)->name);
}

const struct binding *sffi__standard_name(const char *name)
{
	const struct standard *found =
		bsearch(name, standard_names, sizeof standard_names / sizeof *standard_names,
			sizeof *standard_names, compare);

	return found ? &found->binding : NULL;
}
