"""A waiter that is killed or times out, also after the release, leaves the permit to the next."""

import gevent
from gevent.lock import Semaphore

from common import flag, name

semaphore = Semaphore(0)


def waiter(who, timeout=None):
    try:
        acquired = semaphore.acquire(timeout=timeout)
    except BaseException as error:
        print(f"{who}: {name(error)}")
    else:
        print(f"{who}: {flag(acquired)}")


killed, timed_out, last = gevent.spawn(waiter, "killed"), gevent.spawn(waiter, "short", 0), gevent.spawn(waiter, "last")
gevent.sleep(0)
print(f"linked: {semaphore.linkcount()}")
killed.kill(block=False)
timed_out.join()
semaphore.release()
last.join()
print(f"counter: {semaphore.counter}, linked: {semaphore.linkcount()}")

greenlets = [gevent.spawn(waiter, i) for i in range(3)]
gevent.sleep(0)
greenlets[0].kill(block=False)
semaphore.release()
greenlets[1].kill(block=False)
gevent.joinall(greenlets, timeout=0.01)
print(f"counter: {semaphore.counter}, linked: {semaphore.linkcount()}")
