"""A callback is kept, linked several times and to several greenlets; it is called with the greenlet it was linked to."""

import gevent

from common import flag, report_errors


def fails():
    raise ValueError("greenlet")


def named(name, run):
    g = gevent.Greenlet(run)
    g.name = name
    return g


def ended(g):
    print(f"{g.name} has ended: {flag(g.successful())}")


report_errors()
a, b, c = named("a", lambda: 1), named("b", lambda: 2), named("c", fails)
a.link(ended)
a.link(ended)
a.rawlink(ended)
b.link_value(ended)
b.link_exception(ended)
c.link_value(ended)
c.link_exception(ended)
c.rawlink(ended)
for g in a, b, c:
    g.start()
gevent.joinall([a, b, c])
gevent.sleep(0)
print("again")
a.link(ended)
b.rawlink(ended)
gevent.sleep(0)
