"""Links of a semaphore are called as long as it can be acquired."""

import gevent
from gevent.lock import Semaphore

gevent.get_hub()  # without one, links are called at once
semaphore = Semaphore(1)


def says(name):
    return lambda source: print(f"{name}, counter {source.counter}")


def takes(source):
    source.acquire()
    print(f"takes, counter {source.counter}")


semaphore.rawlink(says("linked while it is free"))
print("not yet")
gevent.sleep(0)
semaphore.acquire()
semaphore.rawlink(says("first"))
semaphore.rawlink(takes)
semaphore.rawlink(says("third"))
gevent.sleep(0)
print("released")
semaphore.release()
gevent.sleep(0)
print(f"linked: {semaphore.linkcount()}")
semaphore.release()
gevent.sleep(0)
print(f"linked: {semaphore.linkcount()}")
