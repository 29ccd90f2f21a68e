#!/usr/bin/env python3
"""Runs random programs on gevent's loop and on ours, in lockstep, and compares what they do.

    fuzz.py [options] FIRST LAST    the programs with these numbers, LAST not included
    fuzz.py --differences           the smallest program of each difference that is meant to be

    --backend NAME   libev's backend, on both loops
    --assertions     our loop is a debug build with libev's assertions
    --jobs N         how many processes share the work
    --valgrind       runs the programs under valgrind, and looks for errors of ours

A program that is not equal is printed with its number; the exit status is 1 then. judge/programs.py says what the programs
do, judge/differences.py which differences there are, and why.
"""

import argparse
import faulthandler
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.dont_write_bytecode = True

from judge import machine, valgrind

CHUNK = 250
# Seconds, for one program, perhaps under a slow tool.
LIMIT = 20


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--differences", action="store_true")
    parser.add_argument("--backend")
    parser.add_argument("--assertions", action="store_true")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--valgrind", action="store_true")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("first", nargs="?", type=int, default=0)
    parser.add_argument("last", nargs="?", type=int, default=0)
    options = parser.parse_args()
    if options.here:
        return here(options)
    environment = machine.environment(modules=machine.extension(options.assertions))
    command = [machine.python(), Path(__file__).resolve(), "--here"]
    if options.valgrind:
        command = valgrind.command(machine.TARGET / "valgrind") + command
    if options.backend:
        command += ["--backend", options.backend]
    if options.differences:
        return subprocess.run([*command, "--differences"], env=environment).returncode

    def chunk(first):
        share = [str(first), str(min(first + CHUNK, options.last))]
        ran = subprocess.run([*command, *share], env=environment, capture_output=True, text=True)
        if ran.returncode not in (0, 1):
            # The last program that is named has not come to its end.
            end = "\n".join(ran.stderr.splitlines()[-40:])
            return f"programs {' to '.join(share)}: exit status {ran.returncode}\n{ran.stdout}{end}\n"
        return ran.stdout

    with ThreadPoolExecutor(options.jobs) as pool:
        reports = [report for report in pool.map(chunk, range(options.first, options.last, CHUNK)) if report]
    print("".join(reports), end="")
    count = options.last - options.first
    if options.valgrind and valgrind.report(count):
        return True
    print(f"{count} programs, {'NOT EQUAL' if reports else 'equal'}")
    return bool(reports) or count <= 0


def here(options):
    """In the right Python: runs programs one after the other."""
    import rustloop
    from gevent.libev import corecext

    cores = corecext, rustloop
    if options.differences:
        from judge.differences import DIFFERENCES

        wrong = 0
        for difference in DIFFERENCES:
            seen = [difference.case(core) for core in cores]
            expected = seen == [difference.gevent, difference.ours]
            wrong += not expected
            print(f"{difference.name}: gevent {seen[0]}, ours {seen[1]}{'' if expected else ', NOT AS WRITTEN'}")
        print(f"{len(DIFFERENCES)} differences, {f'{wrong} NOT AS WRITTEN' if wrong else 'all as written'}")
        return bool(wrong)
    from judge import programs

    pairs, found = programs.Pairs(), 0
    for number in range(options.first, options.last):
        print(f"program {number}", file=sys.stderr)
        faulthandler.dump_traceback_later(LIMIT, exit=True)
        report = programs.run(number, cores, pairs, options.backend)
        if report:
            found += 1
            print(f"program {number}: {report}", flush=True)
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
