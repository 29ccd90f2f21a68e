"""The greenlet that kills may be interrupted while it waits; the victim is killed nevertheless."""

import gevent

from common import flag


def stubborn():
    try:
        gevent.sleep(100)
    except gevent.GreenletExit:
        print("stubborn takes its time")
        gevent.sleep(0.3)
    print("stubborn ends")


g = gevent.spawn(stubborn)
gevent.sleep(0)
with gevent.Timeout(0.001, False):
    g.kill()
    print("never printed")
print(f"interrupted: {flag(g.dead)}, has links: {flag(g.has_links())}")
killer = gevent.spawn(g.join)
gevent.sleep(0)
killer.kill()
print(f"interrupted: {flag(g.dead)}, has links: {flag(g.has_links())}")
g.join()
