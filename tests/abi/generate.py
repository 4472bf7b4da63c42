#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes a C file of functions with random signatures, for one generated library (case.h).

usage: generate.py SEED COUNT [named] [clang] >library.c

The same text declares a type to the compiler and to SafeFFI's reader. What a value's bytes
are, and which of them are padding, is left to the compiler: fill_T and mask_T.
"""
import random
import sys

LONG_DOUBLE_BYTES = "ABI_LONG_DOUBLE_BYTES"


class Scalar:
    def __init__(self, text, fill="bytes", promoted=None, parts=1):
        self.text, self.fill_name, self.promoted, self.parts = text, fill, promoted, parts
        self.has_long_double = fill == "longdouble"

    def fill(self, at):
        if self.fill_name == "bytes":
            return f"abi_bytes({at}, sizeof({self.text}), seed);"
        size = f"sizeof({self.text}) / {self.parts}"
        return " ".join(f"abi_fill_{self.fill_name}((char *){at} + {i} * ({size}), seed);"
                        for i in range(self.parts))

    def mask(self, at):
        size = f"sizeof({self.text}) / {self.parts}"
        bytes_ = LONG_DOUBLE_BYTES if self.has_long_double else size
        return " ".join(f"memset((unsigned char *){at} + {i} * ({size}), 0xff, {bytes_});"
                        for i in range(self.parts))


class Record:
    def __init__(self, kind, members, attributes=""):
        self.kind, self.members, self.attributes = kind, members, attributes
        self.promoted = None
        self.has_long_double = any(m.type.has_long_double for m in members)
        self.text = None

    def name(self, tag):
        self.tag, self.text = tag, f"{self.kind} {tag}"


class Member:
    def __init__(self, type_, count=None, bits=None, attributes="", name=True):
        self.type, self.count, self.bits, self.attributes, self.name = type_, count, bits, attributes, name


INTEGERS = [Scalar("char", promoted="int"), Scalar("signed char", promoted="int"),
            Scalar("unsigned char", promoted="int"), Scalar("short", promoted="int"),
            Scalar("unsigned short", promoted="int"), Scalar("int"), Scalar("unsigned"),
            Scalar("long"), Scalar("unsigned long"), Scalar("long long"), Scalar("enum colour")]
BOOL = Scalar("bool", "bool", promoted="int")
POINTER = Scalar("void *", "pointer")
INT128 = [Scalar("__int128"), Scalar("unsigned __int128")]
FLOAT, DOUBLE = Scalar("float", "float", promoted="double"), Scalar("double", "double")
LONG_DOUBLE = Scalar("long double", "longdouble")
COMPLEX = [Scalar("float _Complex", "float", parts=2), Scalar("double _Complex", "double", parts=2),
           Scalar("long double _Complex", "longdouble", parts=2)]
CHAR, SHORT, INT, LONG = INTEGERS[0], INTEGERS[3], INTEGERS[5], INTEGERS[7]
VOID = None


def has_float(type_):
    return any(has_float(m.type) for m in type_.members) if isinstance(type_, Record) else type_.fill_name == "float"


class Generator:
    """Structs are shared among the functions of a file: most of what a compiler has to do."""

    def __init__(self, seed, count, for_clang):
        self.r = random.Random(seed)
        self.for_clang = for_clang
        self.pool = [self.record() for _ in range(count // 3 + 1)]

    def scalar(self):
        return self.r.choices([self.r.choice(INTEGERS), FLOAT, DOUBLE, LONG_DOUBLE, self.r.choice(COMPLEX),
                               self.r.choice(INT128), BOOL, POINTER], [9, 5, 5, 2, 2, 1, 1, 2])[0]

    def small(self):
        return self.r.choices([self.r.choice(INTEGERS), FLOAT, DOUBLE, BOOL, LONG_DOUBLE, COMPLEX[0], POINTER],
                              [8, 8, 4, 1, 1, 1, 1])[0]

    def attributes(self, odds):
        if self.r.random() > odds:
            return ""
        return f" __attribute__((aligned({self.r.choice([1, 2, 4, 8, 16, 16, 32, 64])})))"

    def member(self, depth):
        draw = self.r.random()
        if draw < 0.004:
            return Member(INT, bits=self.r.randint(1, 32), name=False)
        if draw < 0.008:
            return Member(self.r.choice([CHAR, FLOAT]), 0)
        if draw < 0.2 and depth < 3:
            inner = self.record(depth + 1)
            return Member(inner, self.r.choice([None, None, None, 1, 2]), attributes=self.attributes(0.05))
        if draw < 0.3:
            base = self.r.choice(INTEGERS[1:10])
            width = {"char": 8, "short": 16, "int": 32}.get(base.text.split()[-1], 32 if base.text == "unsigned" else 64)
            return Member(base, bits=self.r.randint(1, width))
        if draw < 0.45:
            return Member(self.small(), self.r.choice([1, 2, 2, 3, 4, 7]))
        return Member(self.small() if self.r.random() < 0.8 else self.scalar(), attributes=self.attributes(0.04))

    def record(self, depth=0):
        if self.r.random() < 0.02:
            return Record("struct", [])
        kind = "union" if self.r.random() < 0.2 else "struct"
        count = self.r.choices([1, 2, 3, 4, 5, 9], [6, 8, 5, 3, 1, 1])[0]
        packed = " __attribute__((packed))" if self.r.random() < 0.12 else ""
        members = [self.member(depth) for _ in range(count)]
        # clang 14 takes `union { double a; struct { float b; double c; } d; }` for a float and a
        # double, in callers and callees, and so loses half of the first double.
        if self.for_clang and any(has_float(m.type) for m in members):
            kind = "struct"
        return Record(kind, members, packed + self.attributes(0.06))

    def type(self):
        return self.scalar() if self.r.random() < 0.5 else self.r.choice(self.pool)

    def case(self, name):
        count = self.r.choices([self.r.randint(0, 6), self.r.randint(6, 14), self.r.randint(15, 40)], [10, 5, 1])[0]
        arguments = [self.type() for _ in range(count)]
        result = VOID if self.r.random() < 0.1 else self.type()
        fixed = self.r.randint(1, count) if count > 1 and self.r.random() < 0.15 else None
        return Case(name, result, arguments, fixed)


class Case:
    def __init__(self, name, result, arguments, fixed=None):
        self.name, self.result, self.arguments, self.fixed = name, result, arguments, fixed


def declare(record, out):
    """Names the record and the ones inside, and makes their declarations, inner ones first."""
    if not isinstance(record, Record) or record.text:
        return
    for member in record.members:
        declare(member.type, out)
    record.name(f"r{len(out)}")
    lines = []
    for i, member in enumerate(record.members):
        suffix = f" : {member.bits}" if member.bits else f"[{member.count}]" if member.count is not None else ""
        lines.append(f"{member.type.text} {f'm{i}' if member.name else ''}{suffix}{member.attributes};")
    out.append((record, f"{record.text} {{ {' '.join(lines)} }}{record.attributes};"))


def places(record):
    """Each member's address in *x, or None for a bit-field."""
    for i, member in enumerate(record.members):
        if not member.name or member.count == 0:
            continue
        if member.bits:
            yield member, f"m{i}", None
        elif member.count is not None:
            yield member, f"m{i}[k]", f"(void *)&x.m{i}[k]"
        else:
            yield member, f"m{i}", f"(void *)&x.m{i}"


def fill_leaf(type_, at):
    return f"fill_{type_.tag}({at}, seed);" if isinstance(type_, Record) else type_.fill(at)


def write_values(record):
    """fill and mask of one record."""
    body, masks = [], []
    for member, path, at in places(record):
        if at is None:
            body.append(f"x.{path} = abi_random(seed);")
            masks.append(f"memset(&x, 0, sizeof x); x.{path} = -1; abi_or(to, &x, sizeof x);")
            continue
        loop = f"for (int k = 0; k < {member.count}; k++) " if member.count is not None else ""
        if record.kind == "struct" or member.type.has_long_double:
            body.append(f"{loop}{{ {fill_leaf(member.type, at)} }}")
        offset = f"(to + ((char *)&x.{path} - (char *)&x))"
        mask = f"mask_{member.type.tag}{offset};" if isinstance(member.type, Record) else member.type.mask(offset)
        masks.append(f"{loop}{{ {mask} }}")
    first = "abi_bytes(&x, sizeof x, seed);" if record.kind == "union" else "memset(&x, 0, sizeof x);"
    print(f"static void fill_{record.tag}(void *to, uint64_t *seed)\n{{\n\t{record.text} x;\n\n\t{first}")
    print("\t" + "\n\t".join(body + ["memcpy(to, &x, sizeof x);"]) + "\n}\n")
    print(f"static void mask_{record.tag}(unsigned char *to)\n{{\n\t{record.text} x;\n")
    print("\t" + "\n\t".join(masks + ["(void)x;"]) + "\n}\n")


def value(type_, scalars):
    if type_ is VOID:
        return "{ 0 }"
    if isinstance(type_, Record):
        key = type_.tag
    else:
        key = "scalar" + str(scalars.setdefault(type_.text, (len(scalars), type_))[0])
    return f"{{ sizeof({type_.text}), _Alignof({type_.text}), fill_{key}, mask_{key} }}"


def write_callee(case, number, result, parameters):
    print(f"{result} {case.name}({parameters or 'void'})\n{{")
    if case.result:
        print(f"\t{result} result;")
    if case.fixed:
        print(f"\tva_list list;\n\n\tva_start(list, a{case.fixed - 1});")
    for i, argument in enumerate(case.arguments):
        if case.fixed and i >= case.fixed:
            print(f"\t{argument.text} a{i} = va_arg(list, {argument.promoted or argument.text});")
        print(f"\tabi_see({number}, {i}, &a{i}, _Alignof({argument.text}));")
    if case.fixed:
        print("\tva_end(list);")
    if case.result:
        print(f"\tabi_make({number}, ABI_CASE_RESULT, &result);\n\treturn result;")
    print("}\n")


def write_arguments(case, number):
    for i, argument in enumerate(case.arguments):
        print(f"\t{argument.text} a{i};")
    for i in range(len(case.arguments)):
        print(f"\tabi_make({number}, {i}, &a{i});")


def write_caller(case, number, result, parameters):
    values = ", ".join(f"a{i}" for i in range(len(case.arguments)))
    print(f"static void call_{case.name}(void *callback)\n{{")
    print(f"\t{result} (*function)({parameters or 'void'}) = callback;")
    if case.result:
        print(f"\t{result} result;")
    write_arguments(case, number)
    print(f"\t{'result = ' if case.result else ''}function({values});")
    if case.result:
        print(f"\tabi_see({number}, ABI_CASE_RESULT, &result, 1);")
    print("}\n")


def write_taker(case, number):
    print(f"static void take_{case.name}(void *take, void *context)\n{{")
    print("\tvoid (*function)(void *, void *, ...) = take;")
    write_arguments(case, number)
    print(f"\tfunction(context{''.join(f', a{i}' for i in range(-1, len(case.arguments)))});".replace("a-1", "NULL"))
    print("}\n")


def write_case(case, number, scalars):
    result = case.result.text if case.result else "void"
    texts = [f"{a.text} a{i}" for i, a in enumerate(case.arguments)]
    parameters = ", ".join(texts if not case.fixed else texts[:case.fixed] + ["..."])
    declared = texts if not case.fixed else texts[:case.fixed] + ["..."] + (texts[case.fixed:] or ["void"])
    write_callee(case, number, result, parameters)
    if not case.fixed:
        write_caller(case, number, result, parameters)
    write_taker(case, number)
    values = ", ".join(value(a, scalars) for a in case.arguments) or "{ 0 }"
    has_int128 = any(a in INT128 for a in case.arguments)
    return (f"static const struct abi_value values_{case.name}[] = {{ {values} }};",
            f'\t{{ "{result} {case.name}({", ".join(declared) or "void"})", '
            f'"{case.name}", {case.name}, {"NULL" if case.fixed else "call_" + case.name}, take_{case.name}, '
            f"{int(has_int128)}, {value(case.result, scalars)}, {len(case.arguments)}, values_{case.name} }},")


def struct(*members, attributes=""):
    return Record("struct", [m if isinstance(m, Member) else Member(m) for m in members], attributes)


def union(*members):
    return Record("union", [m if isinstance(m, Member) else Member(m) for m in members])


def union_packed(*members):
    return Record("union", [m if isinstance(m, Member) else Member(m) for m in members], PACKED)


PACKED = " __attribute__((packed))"


def aligned(bytes_):
    return f" __attribute__((aligned({bytes_})))"


def named():
    """The nasty ones, by hand."""
    def two():
        return struct(LONG, LONG)

    def large():
        return struct(Member(LONG, 3))
    return [
        Case("split_exhaustion", two(), [LONG] * 5 + [two(), LONG, two(), DOUBLE]),
        Case("vector_exhaustion", struct(DOUBLE, DOUBLE), [DOUBLE] * 7 + [struct(DOUBLE, DOUBLE), DOUBLE, FLOAT]),
        Case("mixed_exhaustion", struct(DOUBLE, LONG), [LONG] * 6 + [struct(DOUBLE, LONG), DOUBLE, struct(LONG, DOUBLE)]),
        Case("hidden_pointer", large(), [LONG] * 6 + [large(), INT]),
        Case("hidden_pointer_and_varargs", large(), [INT, FLOAT, large(), CHAR, two(), LONG_DOUBLE, BOOL, SHORT], 1),
        Case("varargs_of_nothing", INT, [INT], 1),
        Case("varargs_promoted", INT, [LONG, FLOAT, CHAR, SHORT, BOOL, FLOAT] + [FLOAT] * 9, 1),
        Case("arguments_256", LONG, [LONG, DOUBLE, INT, FLOAT] * 64),
        Case("arguments_256_structs", two(), [struct(CHAR, FLOAT) for _ in range(256)]),
        Case("packed_unaligned", struct(CHAR, LONG, attributes=PACKED), [struct(CHAR, LONG, attributes=PACKED), INT]),
        Case("packed_aligned", struct(INT, INT, attributes=PACKED), [struct(LONG, CHAR, attributes=PACKED), INT]),
        Case("aligned_32", struct(LONG, attributes=aligned(32)), [INT] * 7 + [struct(LONG, attributes=aligned(32)), INT]),
        Case("aligned_64_after_words", INT, [LONG] * 8 + [struct(CHAR, attributes=aligned(64)), CHAR, LONG_DOUBLE]),
        Case("aligned_4096", struct(INT, attributes=aligned(4096)), [INT, struct(INT, attributes=aligned(4096)), INT]),
        Case("aligned_member_16", struct(Member(INT, attributes=aligned(16))), [LONG, struct(Member(INT, attributes=aligned(16))), LONG] + [LONG] * 4 + [struct(Member(FLOAT, attributes=aligned(16)))]),
        Case("empty", struct(), [struct(), INT, struct(), DOUBLE]),
        Case("empty_inside", struct(struct(), FLOAT), [struct(struct(), FLOAT), struct(INT, struct())]),
        Case("union_long_double_int", union(LONG_DOUBLE, INT), [union(LONG_DOUBLE, INT), LONG]),
        Case("union_long_double_bytes", union(LONG_DOUBLE, Member(CHAR, 16)), [union(LONG_DOUBLE, Member(CHAR, 16))]),
        Case("union_long_double_float", union(LONG_DOUBLE, FLOAT), [union(LONG_DOUBLE, FLOAT), FLOAT]),
        Case("union_nested", union(struct(union(LONG_DOUBLE))), [union(struct(LONG_DOUBLE)), struct(union(FLOAT, INT))]),
        Case("struct_long_double", struct(LONG_DOUBLE), [struct(LONG_DOUBLE), LONG_DOUBLE, INT]),
        Case("long_doubles", LONG_DOUBLE, [INT] * 7 + [LONG_DOUBLE, INT, LONG_DOUBLE]),
        Case("complex_float", COMPLEX[0], [COMPLEX[0]] * 9),
        Case("complex_double", COMPLEX[1], [DOUBLE] * 7 + [COMPLEX[1], DOUBLE]),
        Case("complex_long_double", COMPLEX[2], [INT, COMPLEX[2], LONG_DOUBLE]),
        Case("struct_complex_long_double", struct(COMPLEX[2]), [struct(COMPLEX[2])]),
        Case("int128", INT128[0], [LONG] * 5 + [INT128[0], LONG]),
        Case("int128_on_stack", INT128[1], [LONG] * 7 + [INT128[0], LONG]),
        Case("floats_2", struct(FLOAT, FLOAT), [struct(FLOAT, FLOAT), FLOAT]),
        Case("floats_3", struct(Member(FLOAT, 3)), [struct(Member(FLOAT, 3)), FLOAT]),
        Case("floats_4", struct(Member(FLOAT, 4)), [struct(Member(FLOAT, 4))] * 1 + [DOUBLE] * 6 + [struct(Member(FLOAT, 4))]),
        Case("floats_5", struct(Member(FLOAT, 5)), [struct(Member(FLOAT, 5)), FLOAT]),
        Case("doubles_4", struct(Member(DOUBLE, 4)), [struct(Member(DOUBLE, 4)), struct(Member(DOUBLE, 4)), struct(Member(DOUBLE, 2)), FLOAT]),
        Case("quads_2", struct(Member(LONG_DOUBLE, 2)), [struct(Member(LONG_DOUBLE, 2)), LONG_DOUBLE]),
        Case("bytes_1_to_16", struct(Member(CHAR, 3)), [struct(Member(CHAR, n)) for n in range(1, 17)]),
        Case("bytes_17", struct(Member(CHAR, 17)), [struct(Member(CHAR, 17)), struct(Member(SHORT, 7)), CHAR]),
        Case("bit_fields", struct(Member(INT, bits=3), Member(INT, bits=30)), [struct(Member(LONG, bits=40), Member(LONG, bits=30)), struct(FLOAT, Member(INT, bits=5))]),
        Case("bytes_5000", struct(Member(CHAR, 5000)), [INT, struct(Member(CHAR, 5000)), struct(Member(LONG, 600)), INT]),
        Case("union_bits_unaligned", INT, [struct(FLOAT, union_packed(Member(LONG, bits=52), Member(FLOAT, 3)))]),
        Case("packed_bit_fields", INT, [struct(CHAR, Member(LONG, bits=3), BOOL, struct(Member(INT, bits=25)), attributes=PACKED)]),
        Case("empty_aligned", INT, [LONG] * 7 + [struct(attributes=aligned(64)), LONG, INT]),
        Case("empty_aligned_variadic", INT, [LONG] * 7 + [struct(attributes=aligned(64)), LONG, INT], 1),
        Case("nothing", VOID, []),
        Case("small_results", CHAR, [CHAR, SHORT, BOOL, CHAR]),
        Case("bool_result", BOOL, [BOOL] * 9),
    ]


def main():
    seed, count = int(sys.argv[1]), int(sys.argv[2])
    generator = Generator(seed, count, "clang" in sys.argv[3:])
    cases = named() if "named" in sys.argv[3:] else []
    cases += [generator.case(f"f{seed}_{i}") for i in range(count)]
    print(f"/* generate.py {' '.join(sys.argv[1:])} */\n"
          '#include "case.h"\n\n'
          "enum colour { RED, GREEN = -5 };\n")
    scalars, tables, out = {}, [], []
    for type_ in INTEGERS + [BOOL, POINTER, FLOAT, DOUBLE, LONG_DOUBLE] + INT128 + COMPLEX:
        value(type_, scalars)
    for number, type_ in scalars.values():
        print(f"static void fill_scalar{number}(void *to, uint64_t *seed)\n{{\n\t{type_.fill('to')}\n}}\n\n"
              f"static void mask_scalar{number}(unsigned char *to)\n{{\n\t{type_.mask('to')}\n}}\n")
    for type_ in [t for case in cases for t in [case.result] + case.arguments]:
        declare(type_, out)
    for record, text in out:
        print(text)
        write_values(record)
    for number, case in enumerate(cases):
        tables.append(write_case(case, number, scalars))
    print("\n".join(values for values, _ in tables))
    print("static const struct abi_case cases[] = {\n" + "\n".join(row for _, row in tables) + "\n};\n")
    print('static const char types[] =\n\t"enum colour { RED, GREEN = -5 };"')
    print("\n".join(f'\t"{text}"' for _, text in out) + ";\n")
    print("#if defined __clang__ && __clang_major__ < 18 && defined __x86_64__\n#define SPLITS 1\n#else\n#define SPLITS 0\n#endif\n"
          f"struct abi_library abi_library = {{ {seed * 2654435761 % (1 << 64)}u, {len(tables)}, cases, types, SPLITS, 0, 0, {{ 0 }} }};")


main()
