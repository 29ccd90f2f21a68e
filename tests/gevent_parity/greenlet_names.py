"""Names and minimal idents: small numbers, given when asked for, and free again after the end."""

import gevent

a, b, c = (gevent.Greenlet(lambda: None) for _ in range(3))
print(b.name, a.minimal_ident, c.name, b.name)
a.name = "Alice"
print(a.name, a.minimal_ident)
del b
d = gevent.Greenlet(lambda: None)
print(d.name)
