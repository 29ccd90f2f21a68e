"""threading's Condition on gevent's locks: the notified waiters, and the order in which they go on."""

import threading

import gevent
from gevent import monkey

from common import flag

monkey.patch_thread()
condition = threading.Condition()


def waiter(name, timeout=None):
    with condition:
        print(f"{name} waits")
        notified = condition.wait(timeout)
        print(f"{name}: {flag(notified)}")
        gevent.sleep(0)
        print(f"{name} is done")


greenlets = [gevent.spawn(waiter, i) for i in range(4)]
gevent.sleep(0)
try:
    condition.notify()
except RuntimeError:
    print("not without the lock")
with condition:
    condition.notify(2)
    gevent.sleep(0)
    print("main lets go")
gevent.joinall(greenlets[:2])
with condition:
    print(f"in no time: {flag(condition.wait(0.001))}")
    condition.notify_all()
gevent.joinall(greenlets)
with condition:
    print(f"wait_for: {flag(condition.wait_for(lambda: False, 0.001))}")
