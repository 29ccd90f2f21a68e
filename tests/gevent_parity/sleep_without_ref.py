"""A sleep without ref does not keep the loop running; it ends if others keep it running."""

import gevent

from common import flag


def sleeper():
    gevent.sleep(0.1, ref=False)
    print("slept")


hub = gevent.get_hub()
g = gevent.spawn(sleeper)
print("joined:", flag(hub.join()))
print("ready:", flag(g.ready()))
gevent.sleep(1)
print("ready:", flag(g.ready()))
g = gevent.spawn(gevent.sleep, 0, ref=False)
print("joined:", flag(hub.join()))
print("ready:", flag(g.ready()))
