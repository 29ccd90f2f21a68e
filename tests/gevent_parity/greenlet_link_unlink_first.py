"""unlink takes away one link, the first that has this callback, however it was linked; others stay."""

import gevent

from common import flag


def one(g):
    print("one")


def two(g):
    print("two")


def links(g):
    return flag(g.has_links())


g, h = gevent.spawn(lambda: 1), gevent.spawn(lambda: 2)
g.unlink(one)
print(f"unlinked before: {links(g)}")
g.link(one)
h.unlink(one)
print(f"unlinked of another: {links(g)} {links(h)}")
g.rawlink(two)
g.link_value(one)
g.link_exception(two)
g.rawlink(one)
g.unlink(one)
g.unlink(two)
h.rawlink(two)
h.link(one)
h.rawlink(two)
h.link_value(one)
h.unlink(one)
h.unlink(one)
h.unlink(one)
gevent.joinall([g, h])
gevent.sleep(0)
g.unlink(one)
print(f"at the end: {links(g)} {links(h)}")
