"""A pool is killed, also while greenlets wait for a place in it."""

import gevent
from gevent.pool import Pool

from common import flag

pool = Pool(2)


def worker(name):
    print(f"{name} begins")
    try:
        gevent.sleep(100)
    except gevent.GreenletExit:
        print(f"{name} is killed")
        gevent.sleep(0)
        print(f"{name} ends")
        raise


def spawner():
    pool.spawn(worker, "c")
    print("c is spawned")


a = pool.spawn(worker, "a")
pool.spawn(worker, "b")
gevent.spawn(spawner)
gevent.sleep(0)
pool.killone(a)
print(f"size {len(pool)}, a {flag(a in pool)}")
gevent.sleep(0)
pool.kill()
print(f"size {len(pool)}, free {pool.free_count()}")

pool.spawn(worker, "d")
pool.spawn(worker, "e")
pool.kill(block=False)
print(f"size {len(pool)}")
print(f"join {flag(pool.join())}")
pool.kill()
