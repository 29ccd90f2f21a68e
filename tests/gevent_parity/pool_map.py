"""map: the order in which the tasks run, and in which the values come; errors."""

import gevent
from gevent.pool import Group, Pool

from common import name, report_errors

report_errors()


def square(i):
    print(f"{i} begins")
    for _ in range(3 - i % 3):
        gevent.sleep(0)
    print(f"{i} ends")
    return i * i


print(*Pool(2).map(square, range(4)))
print(*Group().map(square, range(4)))
print(*Pool(1).map(square, range(2)))


def fail(i):
    gevent.sleep(0)
    if i > 0:
        raise ValueError(str(i))
    return i


try:
    Pool(2).map(fail, range(4))
except ValueError as e:
    print(f"{name(e)} {e}")
g = Pool(2).map_async(square, [5])
print(*g.get())
