"""One iteration of the loop: prepare, callbacks, events, check."""

import gevent

loop = gevent.get_hub().loop
prepare, check, timer = loop.prepare(), loop.check(), loop.timer(0)


def in_order(label):
    print(label)
    loop.run_callback(print, f"callback queued by {label}")


timer.start(in_order, "timer")
check.start(in_order, "check")
prepare.start(in_order, "prepare")
loop.run_callback(in_order, "callback")


def stop():
    for watcher in prepare, check:
        watcher.stop()
    print("stopped")


last = loop.timer(0, priority=-2)
last.start(lambda: loop.run_callback(stop))
gevent.sleep(0.05)
