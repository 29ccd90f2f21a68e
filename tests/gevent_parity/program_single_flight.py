"""A cache that computes a value once, however many greenlets ask for it meanwhile; a failure is not kept."""

import gevent
from gevent.event import AsyncResult

from common import name, report_errors

report_errors()


class Cache:
    def __init__(self, load):
        self.load = load
        self.entries = {}

    def get(self, key):
        entry = self.entries.get(key)
        if entry is None:
            entry = self.entries[key] = AsyncResult()
            gevent.spawn(self.load, key).link(entry)
        try:
            return entry.get()
        except ValueError:
            self.entries.pop(key, None)
            raise


def load(key):
    print(f"load {key}")
    gevent.sleep(0)
    if key < 0:
        raise ValueError("no such key")
    return key * 10


def ask(key):
    try:
        return str(cache.get(key))
    except ValueError as error:
        return name(error)


cache = Cache(load)
for keys in [[1, 2, 1, 1], [1, -1, -1], [-1, 2]]:
    jobs = [gevent.spawn(ask, key) for key in keys]
    gevent.joinall(jobs)
    print(" ".join(job.value for job in jobs))
print(f"kept: {sorted(cache.entries)}")
