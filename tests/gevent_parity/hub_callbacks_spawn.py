"""Greenlets that a callback or a link spawns begin after those that are queued."""

import gevent

from common import flag

hub = gevent.get_hub()


def callback():
    g = gevent.spawn(print, "spawned by a callback")
    print(f"the spawner is the hub: {flag(g.spawning_greenlet() is hub)}")


def link(source):
    gevent.spawn(print, "spawned by a link")
    print("link")


hub.loop.run_callback(callback)
g = gevent.spawn(print, "spawned by main")
g.rawlink(link)
gevent.sleep(0)
print("main")
gevent.sleep(0)
gevent.sleep(0)
