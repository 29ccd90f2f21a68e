"""The attributes of a greenlet while it ends: it is not ready in its function, but ready in its links."""

import gevent

from common import flag, report_errors

report_errors()


def show(when, g):
    print(
        f"{when}: current={flag(gevent.getcurrent() is g)} ready={flag(g.ready())} dead={flag(g.dead)} "
        f"successful={flag(g.successful())}"
    )


def works():
    show("running", gevent.getcurrent())


def fails():
    raise ValueError("greenlet")


for run in works, fails:
    g = gevent.spawn(run)
    g.link(lambda source: show("link", source))
    g.rawlink(lambda source: show("rawlink", source))
    g.join()
    gevent.sleep(0)
