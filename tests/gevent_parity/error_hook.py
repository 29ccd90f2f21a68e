"""A program may replace the hub's error handling, and still call it for some errors."""

import gevent

from common import name, report_errors

report_errors()
hub = gevent.get_hub()
hubs_own = hub.handle_error


def handle_error(context, type, value, tb):
    print(f"ours: {name(value)}, somebody's: {'no' if context is None else 'yes'}")
    if isinstance(value, KeyError):
        hubs_own(context, type, value, tb)


def raises(error):
    raise error


hub.handle_error = handle_error
gevent.spawn(raises, ValueError("greenlet"))
gevent.spawn(raises, KeyError("greenlet"))
gevent.spawn(raises, gevent.GreenletExit())
hub.loop.run_callback(raises, ValueError("callback"))
timer = hub.loop.timer(0)
timer.start(raises, KeyError("timer"))
gevent.spawn_raw(raises, SystemExit(3))
gevent.sleep(0.01)
del hub.handle_error
gevent.spawn(raises, ValueError("the hub's again"))
gevent.sleep(0)
