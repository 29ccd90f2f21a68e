"""A greenlet that comes while the counter is not 0 takes a permit before the waiters, which stay in line."""

import gevent
from gevent.lock import Semaphore

from common import flag

semaphore = Semaphore(0)


def waiter(name):
    semaphore.acquire()
    print(f"{name} acquired")


greenlets = [gevent.spawn(waiter, f"waiter {i}") for i in range(3)]
gevent.sleep(0)
print(f"release: {semaphore.release()}")
print(f"main acquires: {flag(semaphore.acquire(blocking=False))}")
gevent.sleep(0)
print(f"linked: {semaphore.linkcount()}")
semaphore.release()
print(f"release: {semaphore.release()}")
gevent.spawn(waiter, "late")
semaphore.acquire()
print("main acquired again")
gevent.sleep(0)
semaphore.release()
semaphore.release()
print(f"release: {semaphore.release()}")
gevent.sleep(0)
gevent.sleep(0)
print(f"counter: {semaphore.counter}, linked: {semaphore.linkcount()}")
