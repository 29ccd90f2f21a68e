"""A link may block, because it runs in a greenlet of its own; the next links do not wait for it."""

import gevent


def blocks(source):
    print("link blocks")
    gevent.sleep(0.001)
    print("link goes on")


g = gevent.spawn(lambda: print("greenlet"))
g.link(blocks)
g.link(lambda source: print("next link"))
g.join()
print("joined")
gevent.sleep(0.05)
