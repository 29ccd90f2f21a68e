"""Links can be taken away: before the end, and by a link that is called earlier."""

import gevent

from common import flag


def linked(name):
    def link(source):
        print(name)

    return link


g = gevent.spawn(lambda: None)
first, second, third = linked("first"), linked("second"), linked("third")


def unlinks_second(source):
    print("takes the second away")
    source.unlink(second)


g.rawlink(first)
g.rawlink(unlinks_second)
g.rawlink(second)
g.rawlink(third)
g.unlink(first)
g.unlink(first)
g.join()
print(f"has links: {flag(g.has_links())}")

g = gevent.spawn(lambda: None)
g.rawlink(first)
g.link(second)
g.unlink_all()
g.join()
gevent.sleep(0)
print("none is called after unlink_all")
