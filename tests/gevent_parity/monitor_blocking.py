"""A greenlet is found to be blocking if nothing has switched since the last look; the hub never is."""

import warnings

import gevent
from gevent import config

from common import flag

warnings.simplefilter("ignore")  # gevent looks at the memory only with psutil
config.monitor_thread = True
config.print_blocking_reports = False
config.max_blocking_time = 100  # the thread itself does not look
hub = gevent.get_hub()
monitor = hub.start_periodic_monitoring_thread()


def look(when):
    print(f"{when}: {flag(monitor.monitor_blocking(hub))}")


def greenlet():
    look("switched to")
    look("since then")
    look("still")
    monitor.ignore_current_greenlet_blocking()
    look("ignored")
    look("ignored")
    gevent.sleep(0)
    look("switched to again")
    look("since then")


def callback():
    look("in the hub")
    look("in the hub")


look("nothing has switched")
look("nothing has switched")
gevent.spawn(greenlet).join()
look("in main")
look("since then")
hub.loop.run_callback(callback)
gevent.sleep(0)
look("in main again")
look("since then")
monitor.kill()
