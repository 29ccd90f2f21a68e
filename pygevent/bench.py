#!/usr/bin/env python3
"""Measures gevent on its own loop and on ours, in turns, and prints the least processor time of each and the ratio.

    bench.py [--rounds N] [part-of-a-name ...]
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True

from judge import machine


def sleep0(gevent):
    def turns():
        for _ in range(2000):
            gevent.sleep(0)

    gevent.joinall([gevent.spawn(turns) for _ in range(20)])


def spawn(gevent):
    gevent.joinall([gevent.spawn(int) for _ in range(20_000)])


def echo(gevent):
    ours, theirs = gevent.socket.socketpair()

    def serve():
        while data := theirs.recv(100):
            theirs.sendall(data)

    server = gevent.spawn(serve)
    for _ in range(5000):
        ours.sendall(b"x")
        ours.recv(100)
    ours.close()
    server.join()


def timers(gevent):
    def sleeps():
        for _ in range(200):
            gevent.sleep(0.00001)

    gevent.joinall([gevent.spawn(sleeps) for _ in range(50)])


def timeouts(gevent):
    """A limit that is never reached: a timer is made, started, stopped and closed."""
    for _ in range(20_000):
        with gevent.Timeout(10):
            pass


def callbacks(gevent):
    loop = gevent.get_hub().loop
    for _ in range(50_000):
        loop.run_callback(int)
    gevent.sleep(0.001)


CASES = [sleep0, spawn, echo, timers, timeouts, callbacks]


def here(names):
    """In the right Python: the processor seconds of each case."""
    import gevent
    import gevent.socket

    seconds = {}
    for case in CASES:
        if case.__name__ in names:
            case(gevent)
            start = time.process_time()
            case(gevent)
            seconds[case.__name__] = time.process_time() - start
    print(json.dumps(seconds))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("parts", nargs="*")
    options = parser.parse_args()
    names = [case.__name__ for case in CASES]
    names = [name for name in names if not options.parts or any(part in name for part in options.parts)]
    if options.here:
        return here(names)
    python, modules = machine.python(), machine.extension()
    best = {loop: {} for loop in machine.LOOPS}
    for _ in range(options.rounds):
        for loop in machine.LOOPS:
            command = [python, Path(__file__).resolve(), "--here", *names]
            ran = subprocess.run(command, env=machine.environment(loop, modules), check=True, capture_output=True)
            for name, seconds in json.loads(ran.stdout).items():
                best[loop][name] = min(seconds, best[loop].get(name, seconds))
    print(f"{'case':10} {'gevent':>9} {'rust':>9}")
    for name in names:
        base, ours = best["gevent"][name], best["rust"][name]
        print(f"{name:10} {base * 1000:6.1f} ms {ours * 1000:6.1f} ms {ours / base:5.2f}")


if __name__ == "__main__":
    sys.exit(main())
