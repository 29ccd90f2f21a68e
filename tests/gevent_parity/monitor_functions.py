"""Functions of the monitoring thread are added, given another period, and removed."""

import warnings

import gevent
from gevent import config

from common import flag, name

warnings.simplefilter("ignore")  # gevent looks at the memory only with psutil
config.monitor_thread = True
config.max_blocking_time = 100
hub = gevent.get_hub()
monitor = hub.start_periodic_monitoring_thread()
print(flag(hub.start_periodic_monitoring_thread() is monitor), flag(monitor.should_run))
own = len(monitor.monitoring_functions())


def one(hub):
    pass


def other(hub):
    pass


def show():
    functions = monitor.monitoring_functions()
    print([entry.period for entry in functions[own:]], f"first: {functions[0].period}")


def add(function, period):
    try:
        monitor.add_monitoring_function(function, period)
    except ValueError as ex:
        print("not added:", name(ex))
    show()


show()
add(one, 200.5)
add(other, 300.5)
add(one, 400.5)
add(other, -1)
add(other, 0)
add(one, None)
add(one, None)
add(one, 0.5 + 500)
add(other, None)
config.max_blocking_time = 50.5
show()
monitor.kill()
monitor.kill()
print(flag(monitor.should_run))
