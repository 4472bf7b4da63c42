#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The corpus as a table: which test runs in which mode, and why not.

usage: table.py BUILD            writes the table
       table.py BUILD --check F  fails if the file is another one
"""
import os
import subprocess
import sys

# Those that this version offers: a cell says that the test is run there.
MODES = ["direct", "guarded", "shielded", "rehearsed", "isolated"]
SUITES = [("Calls", "calls"), ("Values", "values"), ("Upcalls", "upcalls"), ("Steps", "steps"),
          ("Threads", "threads"), ("In libffi's terms", "ffi"), ("Closures in libffi's terms", "ffi_closures"),
          ("Faults", "faults")]
HEAD = """# The modes, test by test

One corpus of tests runs in all modes. A cell is `+` where the test passes, or the number of the reason
why the mode is excused from it. Made by `tests/modes/table.py` from what the test programs say themselves;
`make check` fails when this page is out of date.
"""


def listed(build, suite, mode):
    """{test: reason or ''}, in order."""
    program = os.path.join(build, "tests", "test-" + suite)
    if not os.path.exists(program):
        return {}
    environment = dict(os.environ, SAFEFFI_MODE=mode, TEST_LIST="1")
    environment.pop("TEST_ONE_THREAD", None)
    output = subprocess.run([program], env=environment, capture_output=True, text=True, check=True).stdout
    return dict(line.split("\t", 1) for line in output.splitlines() if "\t" in line)


def table(build):
    reasons = []
    text = [HEAD]
    for title, suite in SUITES:
        by_mode = {mode: listed(build, suite, mode) for mode in MODES}
        # A test that an excuse hides as a whole is listed in parts where it is not.
        tests = list(by_mode["isolated"])
        if not tests:
            continue
        text += [f"\n## {title}\n", "| test | " + " | ".join(MODES) + " |", "|---" * (len(MODES) + 1) + "|"]
        for test in tests:
            if any(other.startswith(test + ":") for other in tests):
                continue
            cells = []
            for mode in MODES:
                reason = by_mode[mode].get(test) or by_mode[mode].get(test.split(":")[0], "")
                if reason and reason not in reasons:
                    reasons.append(reason)
                cells.append(str(reasons.index(reason) + 1) if reason else "+")
            name = test.split(":", 1)[-1].replace("_", " ") if ":" not in test else "`" + test.split(":", 1)[1] + "`"
            text.append(f"| {name} | " + " | ".join(cells) + " |")
    text.append("\n## Reasons\n")
    text += [f"{number}. {reason[0].upper()}{reason[1:]}." for number, reason in enumerate(reasons, 1)]
    return "\n".join(text) + "\n"


def main():
    made = table(sys.argv[1])
    if len(sys.argv) < 4:
        sys.stdout.write(made)
        return 0
    with open(sys.argv[3], encoding="utf-8") as file:
        if file.read() == made:
            return 0
    print(f"{sys.argv[3]} is out of date: tests/modes/table.py BUILD > {sys.argv[3]}")
    return 1


sys.exit(main())
