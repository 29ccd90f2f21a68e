"""Links are called once each, in the order in which they were added, whatever their kind."""

import gevent

from common import flag

g = gevent.spawn(lambda: "value")


def linked(name):
    return lambda source: print(f"{name}: {source.value}")


g.link(linked("link 1"))
g.rawlink(linked("rawlink 1"))
g.link_value(linked("link_value"))
g.link_exception(linked("link_exception"))
g.rawlink(linked("rawlink 2"))
g.link(linked("link 2"))
print(f"has links: {flag(g.has_links())}")
g.join()
print(f"joined, has links: {flag(g.has_links())}")
gevent.sleep(0)
print("no link is called again")
