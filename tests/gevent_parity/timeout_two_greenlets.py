"""A timeout interrupts the greenlet that has started it, wherever it is, and no other after its end."""

import gevent

from common import flag, report_errors

report_errors()


def limited():
    timeout = gevent.Timeout.start_new(0.01)
    try:
        gevent.sleep(100)
    except gevent.Timeout as error:
        print(f"limited: {flag(error is timeout)}")


def unlimited():
    gevent.sleep(0.3)
    print("unlimited ends")


def careless():
    timeouts.append(gevent.Timeout.start_new(0.1))
    print("careless ends")


timeouts = []
gevent.joinall([gevent.spawn(run) for run in (limited, unlimited, careless)])
print(f"pending: {flag(timeouts[0].pending)}")
