"""apply and apply_async, also with a full pool, and inside of a pool's greenlet."""

import gevent
from gevent.pool import Pool

pool = Pool(1)


def task(name):
    print(f"{name} begins")
    gevent.sleep(0)
    print(f"{name} ends")
    return name.upper()


def outer():
    print("outer begins")
    inner = pool.apply(task, ("inner",))
    return f"outer with {inner}"


print(pool.apply(task, ("a",)))
print(pool.apply(outer))
gs = [pool.apply_async(task, (name,), callback=lambda v: print(f"callback {v}")) for name in "bcd"]
print(f"size {len(pool)}")
print(*(g.get() for g in gs))
print(pool.apply_cb(task, ("e",), callback=lambda v: print(f"callback {v}")))
gevent.sleep(0)
