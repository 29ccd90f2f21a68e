"""Values that each greenlet has for itself, and the time when they are dropped."""

import gevent
from gevent.local import local

from common import flag


class Noisy:
    def __init__(self, name):
        self.name = name

    def __del__(self):
        print(f"{self.name} is dropped")


class Mine(local):
    def __init__(self):
        self.count = 0
        print("init")


mine = Mine()


def run(name, times):
    mine.noisy = Noisy(name)
    for _ in range(times):
        mine.count += 1
        gevent.sleep(0)
    print(f"{name} {mine.count}")


mine.count = 7
gs = [gevent.spawn(run, name, times) for name, times in (("a", 1), ("b", 3))]
gevent.joinall(gs)
gevent.sleep(0)
print(f"main {mine.count}, {flag(hasattr(mine, 'noisy'))}")
