"""Each kind of link is called at its kinds of ends."""

import gevent

from common import report_errors


def returns():
    return 1


def fails():
    raise ValueError("greenlet")


def exits():
    raise gevent.GreenletExit


def sleeps():
    gevent.sleep(100)


report_errors()
for run in returns, fails, exits, sleeps:
    print(f"-- {run.__name__}")
    g = gevent.spawn(run)
    g.link_exception(lambda source: print("link_exception"))
    g.link_value(lambda source: print("link_value"))
    g.link(lambda source: print("link"))
    gevent.sleep(0)
    g.kill()
    gevent.sleep(0)
