"""Sleepers wake in the order of their times."""

import gevent


def sleeper(name, seconds):
    gevent.sleep(seconds)
    print(name)


names = [("d", 0.15), ("a", 0.001), ("e", 0.2), ("b", 0.05), ("c", 0.1)]
gevent.joinall([gevent.spawn(sleeper, *name) for name in names])
