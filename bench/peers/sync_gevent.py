"""What sync.rs measures, in Python: sync_gevent.py CASE COUNT prints nanoseconds for each."""

import sys
import time

import gevent
from gevent.event import AsyncResult, Event
from gevent.lock import Semaphore
from gevent.pool import Pool
from gevent.queue import Channel, Queue


def over_queues(make):
    def case(count):
        there, back = make(), make()

        def other():
            for _ in range(count):
                there.get()
                back.put(None)

        gevent.spawn(other)
        for _ in range(count):
            there.put(None)
            back.get()

    return case


def event(count):
    there, back = Event(), Event()

    def other():
        for _ in range(count):
            there.wait()
            there.clear()
            back.set()

    gevent.spawn(other)
    for _ in range(count):
        there.set()
        back.wait()
        back.clear()


def event_many(count):
    for _ in range(max(count // 10_000, 1)):
        one = Event()
        number = min(count, 10_000)
        waiters = [gevent.spawn(one.wait) for _ in range(number)]
        while one.linkcount() < number:
            gevent.sleep(0)
        one.set()
        gevent.joinall(waiters)


def semaphore(count):
    there, back = Semaphore(0), Semaphore(0)

    def other():
        for _ in range(count):
            there.acquire()
            back.release()

    gevent.spawn(other)
    for _ in range(count):
        there.release()
        back.acquire()


def result(count):
    for i in range(count):
        one = AsyncResult()
        gevent.spawn(one.set, i)
        assert one.get() == i


def pool_map(count):
    assert len(Pool(100).map(lambda i: i * i, range(count))) == count


def threadpool(count):
    pool = gevent.get_hub().threadpool
    for i in range(count):
        assert pool.apply(lambda: i) == i


CASES = {
    "channel": over_queues(Channel),
    "queue": over_queues(lambda: Queue(1)),
    "event": event,
    "event-many": event_many,
    "semaphore": semaphore,
    "result": result,
    "pool-map": pool_map,
    "threadpool": threadpool,
}

if __name__ == "__main__":
    run, times = CASES[sys.argv[1]], int(sys.argv[2])
    begin = time.perf_counter_ns()
    run(times)
    print((time.perf_counter_ns() - begin) / times)
