#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""An example, which names no mode, does the same in every mode that SAFEFFI_MODE names.

usage: examples.py MODES PROGRAM [ARGUMENT...]     MODES: comma-separated; the first is the measure
"""
import os
import re
import subprocess
import sys

# Those that have a callee crash, to show that the program goes on: where nothing is caught it does not.
CRASH = ("first_call", "shared_memory", "ffi_call")
# Lines that tell of copies: in process the host's memory is the callee's too, and `direct` copies nothing.
OF_COPIES = {
    "ffi_call": ("the inverse in the host", ("direct", "guarded", "shielded", "rehearsed")),
    "sort": ("still:", ("direct",)),
}
REPORT_HEADS = ("frames:", "registers:", "stack:")


def run(mode, command):
    environment = dict(os.environ, SAFEFFI_MODE=mode)
    return subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False)


def is_report(line):
    """Of a fault's report all but the first line is addresses, numbers of processes and the like."""
    return line.startswith("  ") or line in REPORT_HEADS


def compared(name, mode, output):
    prefix, modes = OF_COPIES.get(name, ("", ()))
    # Where a program's memory is, and which pipe it writes to, differs from run to run.
    lines = [re.sub(r"0x[0-9a-f]{6,}|pipe:\[\d+\]", "...", line) for line in output.splitlines()
             if not is_report(line) and not (mode in modes and line.startswith(prefix))]
    # Calls in flight end in the order in which they end.
    return sorted(lines) if name == "poll_loop" else lines


def differs(name, mode, command, measure):
    """What is wrong, or None."""
    result = run(mode, command)
    if mode == "direct" and name in CRASH:
        return None if result.returncode < 0 else f"{result.returncode} instead of its end by a signal"
    if result.returncode:
        return f"ended with {result.returncode}"
    expected, got = compared(name, mode, measure), compared(name, mode, result.stdout)
    return None if got == expected else "\n".join(["instead of"] + expected + ["it said"] + got)


def main():
    modes, command = sys.argv[1].split(","), sys.argv[2:]
    name = os.path.basename(command[0])
    measure = run(modes[0], command)
    if measure.returncode or not measure.stdout:
        print(f"{name}: {modes[0]}: ended with {measure.returncode}, and said: {measure.stdout!r}")
        return 1
    failed = 0
    for mode in modes[1:]:
        wrong = differs(name, mode, command, measure.stdout)
        print(f"{name}: {mode}: {wrong or 'the same'}")
        failed += wrong is not None
    return 1 if failed else 0


sys.exit(main())
