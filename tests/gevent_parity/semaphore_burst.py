"""Many releases are one round of waking, in line with the other callbacks."""

import gevent
from gevent.lock import Semaphore

loop = gevent.get_hub().loop
semaphore = Semaphore(0)


def waiter(name):
    semaphore.acquire()
    print(f"{name} acquired")
    if name == 0:
        semaphore.release()
        gevent.spawn(print, "spawned by 0")


for i in range(5):
    gevent.spawn(waiter, i)
gevent.sleep(0)
semaphore.release()
loop.run_callback(print, "callback")
semaphore.release()
semaphore.release()
loop.run_callback(print, "callback after")
gevent.sleep(0)
print(f"counter: {semaphore.counter}, linked: {semaphore.linkcount()}")
gevent.sleep(0)
print(f"counter: {semaphore.counter}, linked: {semaphore.linkcount()}")
