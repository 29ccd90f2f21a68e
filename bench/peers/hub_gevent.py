"""What hub.rs measures, in Python: hub_gevent.py CASE COUNT prints wall and CPU nanoseconds for each."""

import sys
import time

import gevent


def nothing():
    pass


def yields(times):
    for _ in range(times):
        gevent.sleep(0)


def spawn(count):
    for _ in range(count):
        gevent.spawn(nothing).join()


def spawn_many(count):
    gevent.joinall([gevent.spawn(nothing) for _ in range(count)])


def yield_(count):
    gevent.joinall([gevent.spawn(yields, count // 1000) for _ in range(1000)])


def timers(count):
    gevent.joinall(
        [gevent.spawn(gevent.sleep, i * 7919 % 100_000 / 1e6) for i in range(count)]
    )


def kill(count):
    greenlets = [gevent.spawn(gevent.sleep, 3600) for _ in range(count)]
    gevent.sleep(0)
    begin()
    for greenlet in greenlets:
        greenlet.kill()


CASES = {
    "spawn": spawn,
    "spawn-many": spawn_many,
    "yield": yield_,
    "timers": timers,
    "kill": kill,
}


def begin():
    global wall, used
    wall, used = time.perf_counter_ns(), time.process_time_ns()


if __name__ == "__main__":
    case, count = CASES[sys.argv[1]], int(sys.argv[2])
    begin()
    case(count)
    print(
        (time.perf_counter_ns() - wall) / count,
        (time.process_time_ns() - used) / count,
    )
