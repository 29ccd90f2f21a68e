"""Releases, timeouts and kills of waiters at a semaphore, all at one moment."""

import gevent
from gevent.lock import Semaphore

from common import flag, name


def acquire(who, semaphore, timeout=None):
    try:
        print(f"{who}: {flag(semaphore.acquire(timeout=timeout))}")
    except BaseException as error:
        print(f"{who}: {name(error)}")


def show(semaphore):
    print(f"counter {semaphore.counter}, links {semaphore.linkcount()}")


print("two releases for the first two of three")
semaphore = Semaphore(0)
greenlets = [gevent.spawn(acquire, who, semaphore) for who in ("a", "b", "c")]
gevent.sleep(0)
semaphore.release()
semaphore.release()
show(semaphore)
gevent.sleep(0)
show(semaphore)

print("the one whose turn it would be is killed")
rest = [greenlets[2], gevent.spawn(acquire, "d", semaphore)]
gevent.sleep(0)
semaphore.release()
rest[0].kill(block=False)
gevent.sleep(0)
show(semaphore)

print("killed first, released then")
rest = [gevent.spawn(acquire, who, semaphore) for who in ("e", "f")]
gevent.sleep(0)
rest[0].kill(block=False)
semaphore.release()
gevent.sleep(0)
gevent.sleep(0)
show(semaphore)

print("one that tries while it is handed over")
waits = gevent.spawn(acquire, "g", semaphore)
gevent.sleep(0)
semaphore.release()
print(f"main: {flag(semaphore.acquire(blocking=False))}")
gevent.sleep(0)
show(semaphore)
semaphore.release()
semaphore.release()
waits.join()
show(semaphore)

print("no time at all")
acquire("h", semaphore, 0)
spawned = gevent.spawn(semaphore.release)
acquire("i", semaphore, 0)
spawned.join()
show(semaphore)

print("each greenlet that gets it releases it for the next")


def in_turn(who):
    semaphore.acquire()
    print(f"{who} has it")
    semaphore.release()
    print(f"{who} has released it")


semaphore = Semaphore(0)
greenlets = [gevent.spawn(in_turn, who) for who in ("j", "k", "l")]
gevent.sleep(0)
semaphore.release()
gevent.joinall(greenlets)
show(semaphore)

print("and comes back for more")


def again(who):
    for i in range(3):
        with semaphore:
            print(f"{who} {i}")
            gevent.sleep(0)


greenlets = [gevent.spawn(again, who) for who in ("m", "n")]
gevent.joinall(greenlets)
show(semaphore)
