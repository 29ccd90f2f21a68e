"""destroy without an argument keeps libev's default loop for the next hub, and destroys any other."""

import gevent
from gevent.core import loop as Loop
from gevent.hub import Hub, set_hub

from common import flag

hub = gevent.get_hub()
loop = hub.loop
gevent.sleep(0)
hub.destroy()
print("kept:", flag(gevent.get_hub().loop is loop), flag(loop.default))

own = Loop(default=False)
set_hub(Hub(loop=own))
hub = gevent.get_hub()
print("given:", flag(hub.loop is own), flag(own.default))
gevent.sleep(0.001)
hub.destroy()
print("destroyed:", flag(own.ptr == 0))
hub = gevent.get_hub()
gevent.sleep(0.001)
print("another:", flag(hub.loop is own))
