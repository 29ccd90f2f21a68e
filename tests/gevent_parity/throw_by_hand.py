"""throw switches at once; a callback of the hub goes on when the greenlet waits again or ends."""

import gevent

from common import flag, name, report_errors

report_errors()


def worker(label):
    while True:
        try:
            gevent.sleep(100)
        except ValueError as error:
            print(f"{label}: {error}")
        except KeyError:
            print(f"{label} returns")
            return label


g = gevent.spawn(worker, "g")
gevent.sleep(0)
loop = gevent.get_hub().loop


def throws(error):
    print("throw", name(error))
    g.throw(error)
    print("thrown", flag(g.dead))


loop.run_callback(throws, ValueError("one"))
loop.run_callback(throws, ValueError("two"))
loop.run_callback(throws, KeyError("end"))
loop.run_callback(throws, ValueError("too late"))
g.join()
print(g.value)

h = gevent.Greenlet(worker, "h")
h.rawlink(lambda source: print("h:", name(source.exception)))
h.throw(ValueError("before it began"))
print(flag(h.dead), flag(h.ready()))
gevent.sleep(0)
