"""A lock that two greenlets acquire and release by turns is also acquired by the third."""

import gevent
from gevent.lock import Semaphore

lock = Semaphore()


def worker(name, rounds):
    for i in range(rounds):
        lock.acquire()
        print(f"{name}, round {i}")
        gevent.sleep(0)
        lock.release()
        gevent.sleep(0)


gevent.joinall([gevent.spawn(worker, "a", 3), gevent.spawn(worker, "b", 3), gevent.spawn(worker, "c", 1)])
print(f"counter: {lock.counter}")
