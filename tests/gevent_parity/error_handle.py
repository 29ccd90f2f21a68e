"""handle_error by hand: errors are printed; those without a context and the system's are raised in main."""

import gevent

from common import name, report_errors

report_errors()
hub = gevent.get_hub()


def handle(label, context, error):
    def callback():
        hub.handle_error(context, type(error), error, None)
        print(f"{label}: handled")

    print(f"-- {label}")
    hub.loop.run_callback(callback)
    try:
        gevent.sleep(0)
        print("main goes on")
    except BaseException as raised:
        print(f"main: {name(raised)}")
    gevent.sleep(0)


handle("somebody's", "<Somebody>", ValueError("handle"))
handle("nobody's", None, ValueError("handle"))
handle("a GreenletExit", "<Somebody>", gevent.GreenletExit())
handle("a SystemExit", "<Somebody>", SystemExit(3))
handle("a KeyboardInterrupt", "<Somebody>", KeyboardInterrupt())
