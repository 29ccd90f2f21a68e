"""A greenlet that catches a kill goes on; kill waits for its end, or until the time is over."""

import gevent

from common import flag


def ignores():
    try:
        gevent.sleep(100)
    except gevent.GreenletExit:
        print("ignores it")
    gevent.sleep(0.3)
    print("ends in its own time")
    return "value"


g = gevent.spawn(ignores)
gevent.sleep(0)
g.kill(timeout=0.001)
print(f"after the time limit: {flag(g.dead)}")
g.join()
print(f"value: {g.value}")

g = gevent.spawn(ignores)
gevent.sleep(0)
g.kill()
print(f"after the kill: {flag(g.dead)}, {g.value}")
