"""Tasks of a pool that fail, and the places that get their errors."""

import gevent
from gevent.pool import Group, Pool

from common import flag, name, report_errors


def task(i):
    gevent.sleep(0)
    if i % 3 == 1:
        raise ValueError(i)
    print(f"task {i}")
    return i * 10


def call(what, function, *args):
    try:
        print(f"{what}: {function(*args)}")
    except Exception as error:
        print(f"{what}: {name(error)} {error}")


def each(what, iterator):
    while True:
        try:
            print(f"{what}: {next(iterator)}")
        except StopIteration:
            print(f"{what} is over")
            return
        except ValueError as error:
            print(f"{what}: ValueError {error}")


report_errors()
pool = Pool(2)
call("apply", pool.apply, task, (0,))
call("apply", pool.apply, task, (1,))
call("map", pool.map, task, range(5))
print(f"joined {flag(pool.join())}")
call("map of nothing", pool.map, task, [])
each("imap", pool.imap(task, range(5)))
each("imap_unordered", pool.imap_unordered(task, range(5)))
each("imap, one at a time", pool.imap(task, range(5), maxsize=1))
each("imap_unordered, one at a time", pool.imap_unordered(task, range(5), maxsize=1))

print("callbacks")
call("apply_cb", pool.apply_cb, task, (2,), None, lambda value: print(f"callback {value}"))
gevent.sleep(0)
call("apply_cb", pool.apply_cb, task, (4,), None, lambda value: print(f"callback {value}"))
greenlets = [pool.apply_async(task, (i,), callback=lambda value: print(f"callback {value}")) for i in range(3)]
print(f"{len(pool)} in the pool")
gevent.joinall(greenlets)
gevent.sleep(0)
print([greenlet.value for greenlet in greenlets])
greenlet = pool.map_async(lambda i: i + 1, range(3), callback=lambda values: print(f"callback {values}"))
print(greenlet.get())

print("join that raises")
group = Group()
group.spawn(task, 0)
group.spawn(task, 1)
try:
    group.join(raise_error=True)
except ValueError as error:
    print(f"ValueError {error}, {len(group)} left")
print(f"joined {flag(group.join(raise_error=True))}")
