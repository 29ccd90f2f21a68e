"""Two timeouts, one in the other: the one that comes first interrupts; each is known by its identity."""

import gevent

from common import flag


def nested(outer_seconds, inner_seconds):
    outer = gevent.Timeout.start_new(outer_seconds)
    try:
        inner = gevent.Timeout.start_new(inner_seconds)
        try:
            gevent.sleep(100)
        except gevent.Timeout as error:
            print(f"in the inner block: the inner's {flag(error is inner)}, the outer's {flag(error is outer)}")
            if error is not inner:
                raise
        finally:
            print(f"pending: inner {flag(inner.pending)}, outer {flag(outer.pending)}")
            inner.close()
        gevent.sleep(100)
    except gevent.Timeout as error:
        print(f"in the outer block: the outer's {flag(error is outer)}")
    finally:
        outer.close()


print("inner first")
nested(0.3, 0.001)
print("outer first")
nested(0.001, 100)
print("both at once")
nested(0, 0)
gevent.sleep(0.01)
