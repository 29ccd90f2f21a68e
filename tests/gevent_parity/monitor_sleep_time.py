"""For how long the monitoring thread sleeps: the shortest period, but not too short."""

import warnings

import gevent
from gevent import config

warnings.simplefilter("ignore")  # gevent looks at the memory only with psutil
config.monitor_thread = True
config.max_blocking_time = 100


def look():
    # The hub of a thread, which has no memory to look after.
    monitor = gevent.get_hub().start_periodic_monitoring_thread()

    def function(hub):
        pass

    for seconds in (100, 50.5, 0.5, 0.005, 0.001):
        config.max_blocking_time = seconds
        monitor.monitoring_functions()
        print(f"{seconds:.3f}: {monitor.calculate_sleep_time():.3f}")
    config.max_blocking_time = 100
    monitor.monitoring_functions()
    for period in (200, 7, 0.001, None):
        monitor.add_monitoring_function(function, period)
        print(f"{monitor.calculate_sleep_time():.3f}")
    monitor.kill()


gevent.get_hub().threadpool.apply(look)
