"""One function is used with every kind of lock."""

import gevent
from gevent.lock import BoundedSemaphore, DummySemaphore, RLock, Semaphore

from common import flag, name


def worker(lock, label):
    with lock:
        print(f"{label} has it")
        gevent.sleep(0)
    print(f"{label} has released it")


def use(lock):
    print(f"{name(lock)}: {flag(lock.acquire())} {flag(lock.locked())}")
    other = gevent.spawn(lambda: (flag(lock.acquire(blocking=False)), flag(lock.acquire(timeout=0.001))))
    print(*other.get())
    lock.release()
    print(f"locked: {flag(lock.locked())}")
    gevent.joinall([gevent.spawn(worker, lock, label) for label in "ab"])
    try:
        lock.release()
        print("released once more")
    except (ValueError, RuntimeError) as error:
        print("not held" if isinstance(error, RuntimeError) else error)


for made in (Semaphore(1), BoundedSemaphore(1), RLock(), DummySemaphore()):
    use(made)
