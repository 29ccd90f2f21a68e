"""A greenlet that is killed may still spawn, wait and kill while it cleans up."""

import gevent

from common import flag


def helper():
    print("helper begins")
    gevent.sleep(0)
    print("helper ends")


def worker():
    try:
        gevent.sleep(100)
    finally:
        print("cleaning up")
        gevent.spawn(helper).join()
        gevent.sleep(0.001)
        print("clean")


g = gevent.spawn(worker)
gevent.sleep(0)
g.kill()
print(flag(g.dead), flag(g.successful()))
