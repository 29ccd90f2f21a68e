"""Permits go to the waiters in the order in which they came, in one round."""

import gevent
from gevent.lock import Semaphore

semaphore = Semaphore(2)


def worker(name):
    semaphore.acquire()
    print(f"{name} acquired, counter {semaphore.counter}")
    gevent.sleep(0)
    print(f"{name} releases")
    semaphore.release()


greenlets = [gevent.spawn(worker, f"worker {i}") for i in range(6)]
gevent.sleep(0)
print(f"linked: {semaphore.linkcount()}")
gevent.joinall(greenlets)
print(f"counter: {semaphore.counter}, linked: {semaphore.linkcount()}")
