#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The command as a user sees it: results, exit codes, sentences. TAP on stdout.

usage: test_cli.py SAFEFFI VICTIMS, the program and the directory of libvictim_*.so"""

import json
import os
import subprocess
import sys
import tempfile

SAFEFFI = sys.argv[1]
GOOD = os.path.join(sys.argv[2], "libvictim_good.so")
SIGNALS = os.path.join(sys.argv[2], "libvictim_signals.so")
CONSTRUCTOR = os.path.join(sys.argv[2], "libvictim_constructor.so")

number = 0
failed = 0


def run(*arguments, **options):
    """Returns exit status, stdout, stderr; a hang counts as status -1."""
    try:
        done = subprocess.run([SAFEFFI, *arguments], capture_output=True, text=True, timeout=60,
                              errors="replace", stdin=subprocess.DEVNULL, **options)
    except subprocess.TimeoutExpired:
        return -1, "", "no answer within 60 s"
    return done.returncode, done.stdout, done.stderr


def report(good, name, *details):
    global number, failed
    number += 1
    failed += not good
    print("%s %d - %s" % ("ok" if good else "not ok", number, name))
    if not good:
        for detail in details:
            for line in str(detail).splitlines():
                print("# " + line)
    sys.stdout.flush()


def prints(expected, *arguments):
    """A call that returns and prints exactly this."""
    status, out, err = run("call", *arguments)
    report(status == 0 and out == expected + "\n", "call %s" % " ".join(arguments[1:]),
           "expected: %s" % expected, "status %d" % status, out, err)


def refuses(words, *arguments, status=1):
    """A call that is not made: one sentence with these words on stderr, nothing on stdout."""
    got, out, err = run("call", *arguments)
    good = got == status and out == "" and all(word in err for word in words)
    if status == 1:
        good = good and err.startswith("safeffi: ") and err.count("\n") == 1
    report(good, "refused: %s" % " ".join(arguments[1:])[:70], "expected %s" % words,
           "status %d" % got, out, err)


def faults(words, *arguments):
    """A call that faults: 3, the report on stderr."""
    status, out, err = run("call", *arguments)
    report(status == 3 and out == "" and all(word in err for word in words),
           "fault: %s" % " ".join(arguments[1:]), "expected %s" % words, "status %d" % status, out, err)


def returns_json(check, name, *arguments, status=0):
    got, out, err = run("call", "--json", *arguments)
    try:
        value = json.loads(out)
        good = got == status and check(value)
    except (ValueError, KeyError, TypeError) as error:
        good, err = False, "%s\n%s" % (error, err)
    report(good, "json: " + name, "status %d" % got, out, err)


def test_scalars():
    prints("1", "libm.so.6", "double cos(double x)", "0")
    prints("0.1", GOOD, "double same_double(double)", "0.1")
    prints("0.1", GOOD, "float same_float(float)", "0.1")
    prints("inf", GOOD, "double same_double(double)", "inf")
    prints("5", GOOD, "int add(int a, int b)", "2", "3")
    prints("-5", GOOD, "int add(int a, int b)", "-2", "-3")
    prints("255", GOOD, "int add(int, int)", "0xfe", "1")
    prints("-128", GOOD, "int8_t same_int8(int8_t)", "-128")
    prints("18446744073709551615", GOOD, "uint64_t same_uint64(uint64_t)", "18446744073709551615")
    prints("-9223372036854775808", GOOD, "int64_t same_int64(int64_t)", "-9223372036854775808")
    prints("true", GOOD, "bool same_bool(bool)", "true")
    prints("'A'", GOOD, "char same_char(char)", "'A'")
    prints("'\\n'", GOOD, "char same_char(char)", "'\\n'")
    prints("28", GOOD, "long sum7(int, int, int, int, int, int, int)", *"1111111")
    prints("528", GOOD, "long sum32(%s)" % ", ".join(["long"] * 32), *["1"] * 32)
    status, out, err = run("call", GOOD, "void do_nothing(void)")
    report(status == 0 and out == "", "a void result prints nothing", out, err)


def test_strings():
    prints("5", "libc.so.6", "size_t strlen(const char *s)", "hello")
    prints("6", "libc.so.6", "size_t strlen(const char *s)", '"hello\\n"')
    prints("0", "libc.so.6", "size_t strlen(const char *s)", "")
    prints('"hello"', GOOD, "const char *greeting(void)")
    prints("NULL", GOOD, "const char *no_text(void)")
    prints('text = "ABC"', GOOD, "void uppercase(char text[n], size_t n)", "abc", "-")


def test_pointers():
    prints("x = 42", GOOD, "void increment(int *x)", "41")
    prints("-1", GOOD, "int read_int(const int *x)", "NULL")
    prints("10", GOOD, "long sum_ints(const int numbers[n], size_t n)", "1,2,3,4", "-")
    prints("numbers = 3, 2, 1", GOOD, "void reverse_ints(int numbers[n], size_t n)", "1,2,3", "-")
    prints("to = hex:0707070707", GOOD, "void fill(out uint8_t to[n], size_t n, int v)", "-", "5", "7")
    prints("0\nto = 0, 1, 4, 9\nsize = 4", GOOD, "int squares(out uint32_t to[*size], size_t *size)",
           "-", "4")
    # 20 elements of room, 10 written: only those count.
    prints("0\nto = 0, 1, 4, 9, 16, 25, 36, 49, 64, 81\nsize = 10", GOOD,
           "int squares(out uint32_t to[*size], size_t *size)", "-", "20")
    prints("7", GOOD, "struct point { int x, y; }; int point_sum(const struct point *p)", "{3,4}")
    prints("p = { x = 13, y = 24 }", GOOD,
           "struct point { int x, y; }; void point_move(struct point *p, int dx, int dy)", "{3,4}",
           "10", "20")


def test_files():
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"\x01\x02\x03\xff")
        file.flush()
        declaration = "unsigned long sum_bytes(const uint8_t bytes[n], size_t n)"
        prints("261", GOOD, declaration, "@" + file.name, "-")
        prints("6", GOOD, declaration, "hex:010203", "3")
        prints("261\nbytes = hex:010203ff", GOOD, "unsigned long sum_bytes(buffer bytes, size_t n)",
               "@" + file.name, "4")
        prints("4\nto = hex:010203ff", GOOD, "ssize_t read_some(fd, out uint8_t to[n], size_t n)",
               "@" + file.name, "-", "4")


def test_faults():
    faults(["strlen", "NULL"], "libc.so.6", "size_t strlen(const char *s)", "NULL")
    faults(["SIGABRT"], "libc.so.6", "void abort(void)")
    faults(["SIGFPE"], SIGNALS, "int divide_by_zero(void)")
    faults(["divide"], SIGNALS, "int divide(int a, int b)", "1", "0")
    faults(["stack"], SIGNALS, "int stack_overflow(void)")
    faults(["exit", "3"], "libc.so.6", "void exit(int status)", "3")
    faults(["100 ms"], "--timeout", "100", "libc.so.6", "int pause(void)")
    faults(["SIGSEGV"], "--spawn", "exec", SIGNALS, "int null_read(void)")
    faults(["SIGSEGV"], CONSTRUCTOR, "int answer(void)")
    faults(["overrun"], "libc.so.6", "token memset(out uint8_t to[16], int c, size_t n)", "-", "1", "20")


def test_json():
    returns_json(lambda v: v["result"] == 5 and v["errno"] == 0, "an integer", GOOD,
                 "int add(int, int)", "2", "3")
    returns_json(lambda v: v["result"] == 1.0, "a double", "libm.so.6", "double cos(double)", "0")
    returns_json(lambda v: v["result"] == "hello", "a string", GOOD, "const char *greeting(void)")
    returns_json(lambda v: v["result"] is None, "NULL", GOOD, "const char *no_text(void)")
    returns_json(lambda v: v["result"] is None and v["out"]["numbers"] == [3, 2, 1], "an array", GOOD,
                 "void reverse_ints(int numbers[n], size_t n)", "1,2,3", "-")
    returns_json(lambda v: v["out"]["p"] == [{"x": 4, "y": 6}], "a struct", GOOD,
                 "struct point { int x, y; }; void point_move(struct point *p, int, int)", "{3,4}",
                 "1", "2")
    returns_json(lambda v: v["result"] == "18446744073709551615", "a large number", GOOD,
                 "uint64_t same_uint64(uint64_t)", "18446744073709551615")
    returns_json(lambda v: v["result"] == -1 and v["errno"] == 2, "errno", GOOD,
                 "int set_errno(int)", "2")
    returns_json(lambda v: isinstance(v, dict) and "strlen" in json.dumps(v), "a report", "libc.so.6",
                 "size_t strlen(const char *s)", "NULL", status=3)


def test_refusals():
    refuses(["expected"], "libc.so.6", "this is not C")
    refuses(["line 1", "column"], "libc.so.6", "int f(int")
    refuses(["takes 1 argument", "2 were"], "libc.so.6", "size_t strlen(const char *s)", "a", "b")
    refuses(["takes 1 argument", "0 were"], "libc.so.6", "size_t strlen(const char *s)")
    refuses(["argument 1", "'abc'", "not a number"], GOOD, "int add(int a, int b)", "abc", "1")
    refuses(["argument 2, b", "does not fit"], GOOD, "int add(int a, int b)", "1", "3000000000")
    refuses(["does not fit"], GOOD, "unsigned same_uint(unsigned)", "-1")
    refuses(["-128 to 127"], GOOD, "int8_t same_int8(int8_t)", "128")
    refuses(["true nor false"], GOOD, "bool same_bool(bool)", "maybe")
    refuses(["not a character"], GOOD, "char same_char(char)", "'ab'")
    refuses(["argument 1", "missing"], GOOD, "int add(int a, int b)", "", "1")
    refuses(["elements were given", "length 'n'"], GOOD, "long sum_ints(const int a[n], size_t n)",
            "1,2,3", "2")
    refuses(["more than"], GOOD, "long sum_ints(const int a[n], size_t n)", "-", "99999999999999")
    refuses(["cannot open the file /nowhere"], GOOD,
            "unsigned long sum_bytes(const uint8_t b[n], size_t n)", "@/nowhere", "-")
    refuses(["hexadecimal"], GOOD, "unsigned long sum_bytes(const uint8_t b[n], size_t n)", "hex:0", "-")
    refuses(["libnowhere"], "libnowhere.so.9", "int f(void)")
    refuses(["no_such_function"], GOOD, "int no_such_function(void)")
    # The host's own memory through a pointer of unknown extent: the sentence has the remedy.
    refuses(["token"], GOOD, "int read_handle(void *handle)", '"text"')


def test_usage():
    refuses(["--help"], "libc.so.6", status=2)
    refuses(["no mode 'fast'"], "--mode", "fast", "libc.so.6", "int f(void)", status=2)
    refuses(["milliseconds"], "--timeout", "soon", "libc.so.6", "int f(void)", status=2)
    refuses(["clone or exec"], "--spawn", "magic", "libc.so.6", "int f(void)", status=2)
    refuses(["--nonsense"], "--nonsense", status=2)
    for arguments in ([], ["nonsense"], ["demo", "extra"], ["doctor", "extra"]):
        status, out, err = run(*arguments)
        report(status == 2 and out == "" and err != "", "usage: safeffi %s" % " ".join(arguments), out,
               err)
    for arguments in (["--help"], ["call", "--help"], ["doctor", "--help"], ["demo", "--help"],
                      ["--version"]):
        status, out, err = run(*arguments)
        report(status == 0 and "safeffi" in out and err == "", "safeffi %s" % " ".join(arguments), out,
               err)


def test_doctor():
    status, out, err = run("doctor", "--quick")
    report(status == 0 and "isolated" in out and "kernel" in out and err == "", "doctor --quick", out, err)
    status, out, err = run("doctor", "--quick", env=dict(os.environ, SAFEFFI_WITHOUT="futex_waitv"))
    report(status == 0 and "switched off" in out, "doctor --quick without futex_waitv", out, err)
    status, out, err = run("doctor")
    report(status == 0 and "not measured" not in out and "back to back" in out, "doctor", out, err)


def test_demo():
    status, out, err = run("demo")
    # AddressSanitizer says on stderr what it finds in the callees.
    quiet = err == "" or "TEST_SANITIZED" in os.environ
    report(status == 0 and "Everything was as promised" in out and "FAILED" not in out and quiet,
           "demo", out, err)


def test_output():
    """A full disk is a failure, not silence."""
    if not os.path.exists("/dev/full"):
        return
    with open("/dev/full", "w") as full:
        done = subprocess.run([SAFEFFI, "call", GOOD, "int add(int, int)", "1", "2"], stdout=full,
                              stderr=subprocess.PIPE, text=True, timeout=60)
    report(done.returncode == 1 and "standard output" in done.stderr, "a full disk", done.stderr)


def main():
    for test in (test_scalars, test_strings, test_pointers, test_files, test_faults, test_json,
                 test_refusals, test_usage, test_doctor, test_demo, test_output):
        test()
    print("1..%d" % number)
    sys.exit(1 if failed else 0)


main()
