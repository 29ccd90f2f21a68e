"""Subscribers are told of a greenlet that blocks, and may add to the report that is printed then."""

import warnings

import gevent
from gevent import config, events

from common import flag

warnings.simplefilter("ignore")  # gevent looks at the memory only with psutil
config.monitor_thread = True
config.max_blocking_time = 100  # the thread itself does not look


class Stream:
    def __init__(self):
        self.text = ""

    def write(self, text):
        self.text += text

    def flush(self):
        pass


def started(event):
    if isinstance(event, events.PeriodicMonitorThreadStartedEvent):
        print("started")


def blocked(event):
    if isinstance(event, events.EventLoopBlocked):
        print("blocked:", flag(event.hub is hub), flag(event.blocking_time >= 0), flag(len(event.info) > 3))
        event.info.append("a line of a subscriber's")


hub = gevent.get_hub()
stream = hub.exception_stream = Stream()
events.subscribers.append(started)
events.subscribers.append(blocked)
monitor = hub.start_periodic_monitoring_thread()


def greenlet():
    monitor.monitor_blocking(hub)
    for print_them in (True, False):
        config.print_blocking_reports = print_them
        monitor.monitor_blocking(hub)
    events.subscribers.remove(blocked)
    config.print_blocking_reports = True
    monitor.monitor_blocking(hub)


gevent.spawn(greenlet).join()
gevent.sleep(0)
for part in ("appears to be blocked", "Reported by <", "a line of a subscriber's"):
    print(stream.text.count(part), part)
monitor.kill()
