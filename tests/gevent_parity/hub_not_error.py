"""NOT_ERROR and SYSTEM_ERROR: the exceptions that are not printed, and those raised in main; both can change."""

import gevent
from gevent.hub import Hub

from common import name, report_errors

report_errors()
hub = gevent.get_hub()


def fails(error):
    raise error


def one(label, error):
    print(f"-- {label}")
    g = gevent.spawn(fails, error)
    try:
        g.join()
        gevent.sleep(0)
        print("main goes on")
    except (ValueError, KeyError, SystemExit) as raised:
        print(f"main: {name(raised)}")


one("as it comes", ValueError("x"))
hub.NOT_ERROR = Hub.NOT_ERROR + (ValueError,)
one("no error", ValueError("x"))
one("another", KeyError("x"))
hub.SYSTEM_ERROR = (KeyError, ValueError)
one("no error, but the system's", ValueError("x"))
one("the system's", KeyError("x"))
one("not the system's any more", SystemExit(1))
hub.NOT_ERROR = ()
one("an error after all", SystemExit(1))
