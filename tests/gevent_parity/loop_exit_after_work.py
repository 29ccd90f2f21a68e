"""LoopExit comes only when all others are done; what was queued meanwhile runs in the next wait."""

import gevent
from gevent.exceptions import LoopExit
from gevent.hub import Waiter

from common import name


def worker():
    gevent.sleep(0.01)
    print("worker ends")


gevent.spawn(worker)
gevent.spawn_later(0.001, print, "timed greenlet")
never = gevent.Greenlet(print, "never printed")
for i in range(2):
    try:
        never.join()
    except LoopExit as error:
        print(f"{i}: {name(error)}")
    gevent.spawn(print, f"spawned after {i}")
never.start()
never.kill()
gevent.sleep(0)
