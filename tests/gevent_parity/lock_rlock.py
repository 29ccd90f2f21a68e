"""An RLock belongs to its owner, which may acquire it again, until it was released as often."""

import gevent
from gevent.lock import RLock

from common import flag

lock = RLock()


def tries(name):
    print(f"{name} tries: {flag(lock.acquire(blocking=False))}, in time: {flag(lock.acquire(timeout=0.001))}")
    try:
        lock.release()
    except RuntimeError as error:
        print(f"{name}: {str(error).split('.')[0]}")


try:
    lock.release()
except RuntimeError as error:
    print(str(error).split(".")[0])
with lock:
    print(f"acquired: {flag(lock.acquire())}, locked: {flag(lock.locked())}")
    lock.release()
    gevent.spawn(tries, "other").join()
print(f"locked: {flag(lock.locked())}")


def worker(name):
    with lock:
        with lock:
            print(f"{name} in")
            gevent.sleep(0)
            print(f"{name} out")


gevent.joinall([gevent.spawn(worker, i) for i in range(3)])
print(f"locked: {flag(lock.locked())}")
