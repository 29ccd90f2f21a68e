"""start and start_later count once; a kill takes the start away for ever, and links are called."""

import gevent
from gevent import Greenlet

from common import flag


def states(label, g):
    print(f"{label}: started={flag(bool(g))} ready={flag(g.ready())} dead={flag(g.dead)}")


g = Greenlet(print, "once")
states("new", g)
g.start_later(100)
states("later", g)
g.start()
gevent.sleep(0)
states("start does not count", g)
g.kill()
states("killed", g)
g.start()
g.start_later(0)
gevent.sleep(0.001)
states("no start any more", g)

g = Greenlet(print, "never")
g.rawlink(lambda source: print("told", flag(source.successful())))
g.kill(block=False)
states("killed when new", g)
gevent.sleep(0)

g = gevent.spawn_later(0.1, print, "later")
h = gevent.spawn_later(0, print, "at once")
states("spawn_later", g)
gevent.joinall([g, h])
g.start()
states("ended", g)
