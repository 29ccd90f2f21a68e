"""A rawlink runs in the hub: waiting there is an error, which is reported; the other links are called."""

import gevent

from common import report_errors

report_errors()

other = gevent.spawn(gevent.sleep, 100)
g = gevent.spawn(lambda: print("runs"))
g.rawlink(lambda source: gevent.sleep(0.001))
g.rawlink(lambda source: other.join())
g.rawlink(lambda source: other.get())
g.rawlink(lambda source: other.kill())
g.rawlink(lambda source: print("last rawlink"))
g.link(lambda source: (other.join(), print("link has waited")))
g.join()
gevent.sleep(0.001)
other.join()
gevent.sleep(0)
