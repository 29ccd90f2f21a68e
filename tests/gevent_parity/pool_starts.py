"""A pool's add and start, with a time limit and without waiting, while it is full and while it is not."""

import gevent
from gevent.pool import Group, Pool, PoolFull

from common import flag


def task(name):
    print(f"{name} runs")
    gevent.sleep(0)
    print(f"{name} is over")


def start(pool, name, **how):
    greenlet = gevent.Greenlet(task, name)
    try:
        pool.start(greenlet, **how)
    except PoolFull:
        print(f"{name}: full, started: {flag(greenlet.started)}, a member: {flag(greenlet in pool)}")
    else:
        print(f"{name}: started: {flag(greenlet.started)}, a member: {flag(greenlet in pool)}")


pool = Pool(1)
busy = pool.spawn(gevent.sleep, 100)
start(pool, "a", blocking=False)
start(pool, "b", timeout=0)
start(pool, "c", timeout=0.001)
busy.kill()
start(pool, "d", blocking=False)
start(pool, "e", timeout=100)
start(pool, "f")
pool.join()
print(f"free: {pool.free_count()}")

# One that was refused can be started later.
pool.spawn(task, "g")
late = gevent.Greenlet(task, "late")
try:
    pool.add(late, blocking=False)
except PoolFull:
    print("late: full")
pool.join()
pool.add(late, blocking=False)
print(f"added, started: {flag(late.started)}, free: {pool.free_count()}")
late.start()
pool.join()

# A group has no limit.
group = Group()
greenlets = [gevent.Greenlet(task, name) for name in ("x", "y")]
for greenlet in greenlets:
    group.start(greenlet)
group.join()
print(f"left: {len(group)}")
