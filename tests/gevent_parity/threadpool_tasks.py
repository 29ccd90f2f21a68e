"""The tasks of a pool of threads, its growth, and the order of the results."""

import threading

import gevent
from gevent.threadpool import ThreadPool

from common import flag, report_errors


def fail(what):
    raise ValueError(what)


report_errors()
pool = ThreadPool(3)
print(f"size {pool.size}, maxsize {pool.maxsize}, tasks {len(pool)}")
print(pool.apply(lambda: 6 * 7), pool.size)
print(pool.map(lambda i: i * i, range(6)))
print(list(pool.imap(lambda i: -i, range(4))))
print(sorted(pool.imap_unordered(lambda i: -i, range(4))))
print(list(pool.imap(lambda i: i, range(4), maxsize=1)))

print("tasks that fail")
try:
    pool.apply(fail, ("apply",))
except ValueError as error:
    print(f"ValueError {error}")
result = pool.spawn(fail, "spawn")
result.wait()
print(f"ready {flag(result.ready())}, successful {flag(result.successful())}, {result.exception}")
try:
    pool.map(fail, ["map"])
except ValueError as error:
    print(f"ValueError {error}")
try:
    next(pool.imap(fail, ["imap"]))
except ValueError as error:
    print(f"ValueError {error}")

print("callbacks")
pool.apply_cb(lambda: "cb", callback=print)
pool.map_cb(lambda i: i, [1, 2], callback=print)
print(pool.apply_async(lambda: "async", callback=print).get())
print(pool.map_async(lambda i: i, [3, 4], callback=print).get())

print("all busy")
go_on = threading.Event()
busy = [pool.spawn(go_on.wait) for _ in range(3)]
print(f"size {pool.size}, tasks {len(pool)}")
queued = pool.spawn(lambda: "queued")
print(f"size {pool.size}, tasks {len(pool)}")
waits = gevent.spawn(pool.spawn, lambda: "waited")
gevent.sleep(0.01)
print(f"waits {flag(not waits.ready())}, tasks {len(pool)}")
go_on.set()
print(waits.get().get(), queued.get())
gevent.joinall(busy)
pool.join()
print(f"size {pool.size}, tasks {len(pool)}")

print("sizes")
try:
    pool.size = 4
except ValueError as error:
    print(error)
pool.size = 1
print(pool.size)
pool.maxsize = 5
pool.size = 5
print(pool.size, pool.maxsize)
pool.maxsize = 2
while pool.size > 2:
    gevent.sleep(0.001)
print(pool.map(lambda i: i + 1, range(3)), pool.size)
pool.kill()
print(pool.size)
print(pool.apply(lambda: "again"), pool.size)
pool.kill()

print("nested")
outer = gevent.get_hub().threadpool
print(outer.maxsize, outer.apply(lambda: gevent.get_hub() is outer.hub))
print(outer is gevent.get_hub().threadpool)
greenlet = gevent.spawn(outer.apply, lambda: "in a greenlet")
print(greenlet.get())
