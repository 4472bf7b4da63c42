#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes a library of functions with random signatures, and the ffi_types of each.

A function mixes the bytes of all its arguments into a number and makes its result of it, so
an argument that came wrong, or not at all, shows in the result. Padding is nobody's: it is
left out of the mixing, and a mask says what of a result is a value. Beside each function there
is one that calls what it is given with the arguments of it: for closures.

usage: ffi_generate.py SEED COUNT
"""
import random
import sys

seed, count = int(sys.argv[1]), int(sys.argv[2])
rng = random.Random(seed)

# C type, ffi_type, bytes of value if not all (of a long double ten, where it is x87's)
SCALARS = [
    ('uint8_t', 'uint8', None), ('int8_t', 'sint8', None), ('uint16_t', 'uint16', None),
    ('int16_t', 'sint16', None), ('uint32_t', 'uint32', None), ('int32_t', 'sint32', None),
    ('uint64_t', 'uint64', None), ('int64_t', 'sint64', None), ('float', 'float', None),
    ('double', 'double', None), ('long double', 'longdouble', 'LONG_DOUBLE_BYTES'),
    ('void *', 'pointer', None), ('float _Complex', 'complex_float', None),
    ('double _Complex', 'complex_double', None),
    ('long double _Complex', 'complex_longdouble', 'COMPLEX'),
]

out = []
structs = []  # (C name, ffi name, members)


def scalar():
    # The plain ones more often than the exotic.
    return rng.choice(SCALARS[:11] if rng.random() < 0.8 else SCALARS)


def element(depth):
    if structs and depth and rng.random() < 0.15:
        name, ffi, _ = rng.choice(structs)
        return name, ffi, 'STRUCT'
    c, ffi, size = scalar()
    return c, f'ffi_type_{ffi}', size


def make_struct():
    number = len(structs)
    if rng.random() < 0.35:  # all alike, as arrays and homogeneous aggregates are
        members = [element(0)] * rng.choice([1, 2, 3, 4, 8, 16])
    else:
        members = [element(1) for _ in range(rng.randint(1, 6))]
    name, ffi = f'struct s{number}', f'type_s{number}'
    # libffi 3.4 does not look at st0 for a struct that is one long double.
    if len(members) == 1 and members[0][2]:
        return make_struct()
    out.append(name + ' { ' + ' '.join(f'{c} m{i};' for i, (c, _, _) in enumerate(members)) + ' };')
    out.append(f'static ffi_type *elements_s{number}[] = {{ ' +
               ', '.join('&' + f for _, f, _ in members) + ', NULL };')
    out.append(f'static ffi_type {ffi} = {{ sizeof({name}), _Alignof({name}), FFI_TYPE_STRUCT, elements_s{number} }};')
    for verb in ('mix', 'make', 'mask'):
        arguments = f'uint64_t *state, {name} *value'
        body = ' '.join(call(verb, c, size, f'&value->m{i}') for i, (c, _, size) in enumerate(members))
        out.append(f'static void {verb}_s{number}({arguments}) {{ {body} }}')
    structs.append((name, ffi, members))


def call(verb, c, size, at):
    if size == 'STRUCT':
        return f'{verb}_{c.split()[1]}(state, {at});'
    if verb != 'make' and size == 'COMPLEX':
        return (f'{verb}(state, {at}, LONG_DOUBLE_BYTES); '
                f'{verb}(state, (char *){at} + sizeof(long double), LONG_DOUBLE_BYTES);')
    if verb != 'make':
        return f'{verb}(state, {at}, {size or f"sizeof({c})"});'
    if '_Complex' in c:
        base = c.replace(' _Complex', '')
        return f'for (int i = 0; i < 2; i++) (({base} *){at})[i] = ({base})number(state);'
    if c == 'void *':
        return f'*(void **){at} = (void *)(uintptr_t)(number(state) & 0xffff);'
    return f'*({c} *){at} = ({c})number(state);'


def any_type():
    if structs and rng.random() < 0.3:
        name, ffi, _ = rng.choice(structs)
        return name, ffi, 'STRUCT'
    return element(0)


def make_function(number, table):
    parameters = [any_type() for _ in range(rng.choice([0, 1, 2, 3, 5, 8, 13, 20]))]
    result = ('void', 'ffi_type_void', None) if rng.random() < 0.05 else any_type()
    text = ', '.join(f'{c} p{i}' for i, (c, _, _) in enumerate(parameters)) or 'void'
    out.append(f'{"static " if number % 2 else ""}{result[0]} f{number}({text})')
    out.append('{')
    out.append(f'\tuint64_t start = {rng.getrandbits(32)}, *state = &start;')
    if result[0] != 'void':
        out.append(f'\t{result[0]} result;')
        out.append('\tmemset(&result, 0, sizeof result);')
    for i, (c, _, size) in enumerate(parameters):
        out.append('\t' + call('mix', c, size, f'&p{i}'))
    if result[0] != 'void':
        out.append('\t' + call('make', result[0], result[2], '&result'))
        out.append('\treturn result;')
    else:
        out.append('\t(void)state;')
    out.append('}')
    out.append(f'static void mask_f{number}(void *at)')
    out.append('{')
    if result[0] != 'void':
        out.append('\tuint64_t *state = NULL;')
        out.append(f'\t{result[0]} *value = at;')
        out.append('\t' + call('mask', result[0], result[2], 'value'))
    out.append('}')
    out.append(f'static void direct_f{number}(void *result, void **values)')
    out.append('{')
    values = ', '.join(f'*({c} *)values[{i}]' for i, (c, _, _) in enumerate(parameters))
    out.append('\t' + ('' if result[0] == 'void' else f'*({result[0]} *)result = ') + f'f{number}({values});')
    out.append('}')
    types = ', '.join(c for c, _, _ in parameters) or 'void'
    names = ', '.join(f'p{i}' for i in range(len(parameters)))
    out.append(f'static {result[0]} call_f{number}({result[0]} (*function)({types})'
               f'{", " + text if parameters else ""})')
    out.append('{')
    out.append(f'\t{"" if result[0] == "void" else "return "}function({names});')
    out.append('}')
    table.append(f'\t{{ "{result[0]} f({text})", (void (*)(void))f{number}, '
                 f'(void (*)(void))call_f{number}, direct_f{number}, mask_f{number}, &{result[1]}, {len(parameters)}, {{ ' +
                 ', '.join('&' + f for _, f, _ in parameters) + ' } },')


print('''/* Made by ffi_generate.py. */
#include "ffi_case.h"
#include <complex.h>
#include <float.h>
#include <stdint.h>
#include <string.h>

#define LONG_DOUBLE_BYTES (LDBL_MANT_DIG == 64 ? 10 : sizeof(long double))

static void mix(uint64_t *state, const void *from, size_t size)
{
	for (size_t i = 0; i < size; i++)
		*state = (*state ^ ((const unsigned char *)from)[i]) * 0x100000001b3u;
}

static void mask(const uint64_t *state, void *at, size_t size)
{
	(void)state;
	memset(at, 0xff, size);
}

static int64_t number(uint64_t *state)
{
	mix(state, "", 1);
	return (int64_t)(*state >> 17) * (*state & 1 ? -1 : 1);
}
''')
for _ in range(count // 4):
    make_struct()
table = []
for number in range(count):
    make_function(number, table)
print('\n'.join(out))
print('const struct ffi_case ffi_cases[] = {')
print('\n'.join(table))
print('};')
print('const unsigned ffi_case_count = sizeof ffi_cases / sizeof *ffi_cases;')
