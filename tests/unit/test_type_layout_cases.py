#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Draws structs and unions at random, for test_type_layout.c to compare with the compiler.

    test_type_layout_cases.py [count [seed]] > test_type_layout_cases.h
"""
import random
import sys

INTEGERS = ["char", "signed char", "unsigned char", "short", "unsigned short", "int", "unsigned",
            "long", "unsigned long", "long long", "unsigned long long", "uint8_t", "int16_t",
            "uint32_t", "int64_t", "enum color", "enum wide", "enum sign"]
WIDTHS = {"char": 8, "signed char": 8, "unsigned char": 8, "uint8_t": 8, "short": 16,
          "unsigned short": 16, "int16_t": 16, "int": 32, "unsigned": 32, "uint32_t": 32,
          "enum color": 32, "enum sign": 32, "_Bool": 1}
OTHERS = ["_Bool", "float", "double", "long double", "void *", "double _Complex", "float _Complex",
          "__int128", "int16", "long2", "char8", "struct small", "union pair", "struct empty"]
BIT_TYPES = INTEGERS + ["_Bool"]
NO_ARRAYS = ["int16", "char8"]  # their alignment is larger than their size


class Record:
    def __init__(self, draw, name):
        self.draw, self.name, self.members, self.checks = draw, name, 0, []

    def chance(self, percent):
        return self.draw.randrange(100) < percent

    def new_name(self):
        self.members += 1
        return f"m{self.members}"

    def attribute(self, percent):
        if not self.chance(percent):
            return ""
        if self.chance(40):
            return " __attribute__((packed))"
        if self.chance(30):
            return f" __attribute__((packed, aligned({1 << self.draw.randrange(5)})))"
        return f" __attribute__((aligned({1 << self.draw.randrange(6)})))"

    def bit_field(self):
        kind = self.draw.choice(BIT_TYPES)
        width = self.draw.randint(1, WIDTHS.get(kind, 64))
        if self.chance(12):
            return f"{kind} : 0;"
        if self.chance(12):
            return f"{kind} : {width};"
        name = self.new_name()
        self.checks.append(f"BITS({name})")
        packed = " __attribute__((packed))" if self.chance(self.attributes) else ""
        return f"{kind} {name} : {width}{packed};"  # aligned: gcc and clang may differ

    def plain(self):
        kind, name = self.draw.choice(INTEGERS + OTHERS), self.new_name()
        dimensions = 0 if kind in NO_ARRAYS else self.draw.choice([0, 0, 0, 1, 2])
        array = "".join(f"[{self.draw.randint(0, 4)}]" for _ in range(dimensions))
        self.checks.append(f"PLAIN({name})")
        return f"{kind} {name}{array}{self.attribute(self.attributes)};"

    def anonymous(self, depth):
        word = self.draw.choice(["struct", "union"])
        return f"{word} {{ {self.body(depth + 1, 3)} }}{self.attribute(self.attributes)};"

    def body(self, depth, most):
        members = []
        for _ in range(self.draw.randint(1, most)):
            if depth < 3 and self.chance(8):
                members.append(self.anonymous(depth))
            elif self.chance(self.bits):
                members.append(self.bit_field())
            else:
                members.append(self.plain())
        return " ".join(members)

    def text(self):
        word = self.draw.choice(["struct", "struct", "struct", "union"])
        self.bits, self.attributes = self.draw.choice([0, 20, 50, 90]), self.draw.choice([0, 0, 10, 30])
        body, attribute = self.body(0, 7), self.attribute(self.attributes * 2)
        checks = " ".join(self.checks)
        return f"RECORD({word}, {self.name},{attribute}, {checks}, {body})"


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    draw = random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    print("/* SPDX-License-Identifier: MIT */\n/* Made by test_type_layout_cases.py. */")
    for number in range(count):
        print(Record(draw, f"drawn{number}").text())


main()
