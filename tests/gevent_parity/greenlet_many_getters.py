"""All getters of a greenlet get its end, in the order in which they came; the error is the same object."""

import gevent

from common import flag, report_errors

report_errors()


def fails():
    gevent.sleep(0)
    raise ValueError("once")


def getter(label):
    try:
        g.get()
    except ValueError as error:
        print(f"{label}: {error}, the same: {flag(error is g.exception)}")


def joiner(label):
    g.join()
    print(f"{label}: joined")


g = gevent.spawn(fails)
waiters = [gevent.spawn(getter, "a"), gevent.spawn(joiner, "b"), gevent.spawn(getter, "c")]
g.link(lambda source: print("link"))
g.rawlink(lambda source: print("rawlink"))
gevent.joinall(waiters)
late = [gevent.spawn(joiner, "d"), gevent.spawn(getter, "e")]
gevent.joinall(late)
