"""An error in a link goes to the hub, and stops no other link."""

import gevent

from common import report_errors


def fails(source):
    print("link that fails")
    raise ValueError("link")


report_errors()
g = gevent.spawn(lambda: None)
g.rawlink(fails)
g.rawlink(lambda source: print("rawlink after it"))
g.link(fails)
g.link(lambda source: print("link after it"))
g.join()
print("joined")
gevent.sleep(0)
