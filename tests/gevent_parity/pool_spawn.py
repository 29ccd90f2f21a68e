"""A full pool: the greenlets that wait for a place, and the order in which they go on."""

import gevent
from gevent.pool import Pool, PoolFull

from common import flag

pool = Pool(2)


def worker(name):
    print(f"{name} begins")
    gevent.sleep(0)
    print(f"{name} ends")


def spawner(name):
    pool.spawn(worker, name)
    print(f"{name} is spawned, free {pool.free_count()}")


print(f"free {pool.free_count()}, full {flag(pool.full())}, available {pool.wait_available()}")
for name in "abcd":
    gevent.spawn(spawner, name)
gevent.sleep(0)
print(f"free {pool.free_count()}, full {flag(pool.full())}, size {len(pool)}")
try:
    pool.add(gevent.Greenlet(worker, "x"), blocking=False)
except PoolFull:
    print("PoolFull")
gevent.sleep(0)
pool.spawn(worker, "e")
print("main has spawned e")
print(f"join {flag(pool.join())}, size {len(pool)}")

empty = Pool(0)
print(f"available {empty.wait_available(timeout=0.01)}")
print(f"no limit: {Pool().free_count()} {flag(Pool().full())} {Pool().wait_available()}")
