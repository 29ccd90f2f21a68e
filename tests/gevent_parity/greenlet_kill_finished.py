"""A kill of a greenlet that has ended changes nothing, and does not wait."""

import gevent

g = gevent.spawn(lambda: "value")
g.join()
gevent.spawn(print, "another greenlet")
g.kill()
print(f"killed: {g.value}")
gevent.killall([g, g])
print(f"killed all: {g.value}")
g.throw(ValueError("throw"))
print(f"thrown: {g.value}")
gevent.sleep(0)
