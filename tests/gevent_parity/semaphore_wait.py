"""wait acquires nothing: it returns the counter, which is 0 if another greenlet was quicker."""

import gevent
from gevent.lock import Semaphore

semaphore = Semaphore(0)


def waits(name):
    print(f"{name}: {semaphore.wait()}")


def acquires(name):
    semaphore.acquire()
    print(f"{name} acquired")


greenlets = [
    gevent.spawn(waits, "first wait"),
    gevent.spawn(acquires, "first"),
    gevent.spawn(waits, "second wait"),
    gevent.spawn(acquires, "second"),
]
gevent.sleep(0)
print(f"in no time: {semaphore.wait(0.001)}")
semaphore.release()
gevent.sleep(0)
print(f"linked: {semaphore.linkcount()}")
semaphore.release()
semaphore.release()
print(f"main: {semaphore.wait()}")
gevent.joinall(greenlets)
print(f"main: {semaphore.wait()}")
