"""Pools of no, one and any number of greenlets: how many fit, and which calls wait."""

import gevent
from gevent.pool import Group, Pool, PoolFull

from common import flag, name


def show(pool):
    print(f"len {len(pool)}, full {flag(pool.full())}, free {pool.free_count()}, {pool.wait_available(timeout=0)} available")


def add(pool, **keywords):
    greenlet = gevent.Greenlet(gevent.sleep, 100)
    try:
        pool.add(greenlet, **keywords)
        print("added")
    except PoolFull:
        print("PoolFull")
    return greenlet


print("0")
pool = Pool(0)
show(pool)
add(pool, blocking=False)
add(pool, timeout=0.01)
with gevent.Timeout(0.01, False):
    pool.spawn(print, "never")
    print("never")
print(f"joined {flag(pool.join())}")
show(pool)

print("None")
pool = Pool()
for i in range(3):
    pool.spawn(gevent.sleep, 100)
show(pool)
add(pool, blocking=False)
show(pool)
pool.kill()
show(pool)

print("2")
pool = Pool(2)
show(pool)
first, second = add(pool), add(pool)
show(pool)
add(pool, blocking=False)
add(pool, timeout=0.01)
pool.discard(first)
show(pool)
third = add(pool)
show(pool)
pool.killone(second)
show(pool)
print(f"first {flag(first in pool)}, second {flag(second in pool)}, third {flag(third in pool)}")


def spawn(what):
    pool.spawn(print, what)
    print(f"{what} is spawned, len {len(pool)}")


print("three that wait for one place, one of which is killed")
spawners = [gevent.spawn(spawn, what) for what in ("a", "b", "c", "d")]
gevent.sleep(0)
gevent.sleep(0)
show(pool)
waiting = [spawner for spawner in spawners if not spawner.ready()]
print(f"{len(waiting)} wait")
for spawner in waiting[:1]:
    spawner.kill()
pool.kill()
gevent.joinall(spawners)
print(f"joined {flag(pool.join())}")
show(pool)

print("available, in time or not")
pool = Pool(1)
pool.spawn(gevent.sleep, 0.03)
print(pool.wait_available(timeout=0.001))
print(pool.wait_available())

print("a group")
group = Group()
print(f"full {flag(group.full())}, joined {flag(group.join())}")
group.spawn(gevent.sleep, 100)
print(f"joined {flag(group.join(timeout=0.001))}")
group.kill()
print(f"joined {flag(group.join())}")
