"""A greenlet that has failed has an exc_info, and no other has."""

import gevent

from common import flag, report_errors

report_errors()


def show(label, g):
    info = g.exc_info
    print(label, "None" if not info else f"{info[0].__name__} {info[1]}")


def fails():
    raise ValueError("on purpose")


g = gevent.spawn(fails)
show("before", g)
g.join()
show("failed", g)
print("same", flag(g.exc_info[1] is g.exception))
g = gevent.spawn(lambda: 1)
g.join()
show("good", g)
g = gevent.spawn(gevent.sleep, 100)
gevent.sleep(0)
g.kill()
show("killed", g)
g = gevent.spawn(gevent.sleep, 100)
g.kill(KeyError("early"))
show("killed before it began", g)
