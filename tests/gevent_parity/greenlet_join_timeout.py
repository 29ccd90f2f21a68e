"""join with a time limit returns either way, and leaves no link behind."""

import gevent

from common import flag

g = gevent.spawn(gevent.sleep, 100)
g.join(timeout=0)
print(f"after 0: {flag(g.ready())}, has links: {flag(g.has_links())}")
g.join(timeout=0.001)
print(f"after 0.001: {flag(g.ready())}, has links: {flag(g.has_links())}")
gevent.spawn(g.kill)
g.join(timeout=100)
print(f"after the kill: {flag(g.ready())}, has links: {flag(g.has_links())}")
g.join(timeout=100)

h = gevent.Greenlet(print, "never printed")
h.join(timeout=0.001)
print(f"not started: {flag(h.ready())}, has links: {flag(h.has_links())}")
