"""A timeout that is not caught is its greenlet's error."""

import gevent

from common import flag, name, report_errors

report_errors()


def limited():
    with gevent.Timeout(0.001):
        gevent.sleep(100)


g = gevent.spawn(limited)
g.join()
print(f"{flag(g.successful())}: {name(g.exception)}, {g.exception}")
