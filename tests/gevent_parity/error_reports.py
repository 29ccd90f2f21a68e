"""The hub's reports of errors, and the exceptions that it does not report."""

import gevent

from common import report_errors

report_errors()
hub = gevent.get_hub()


def raises(error):
    raise error


for error in ValueError("printed"), gevent.GreenletExit():
    hub.loop.run_callback(raises, error)
    timer = hub.loop.timer(0)
    timer.start(raises, error)
    gevent.spawn_raw(raises, error)
    gevent.spawn(raises, error)
    g = gevent.spawn(lambda: None)
    g.link(lambda source: raises(error))
    gevent.sleep(0.01)
    print("the hub goes on")

hub.exception_stream = None
gevent.spawn(raises, ValueError("nowhere"))
hub.loop.run_callback(raises, ValueError("nowhere"))
gevent.sleep(0)
print("nothing is printed without a stream")
