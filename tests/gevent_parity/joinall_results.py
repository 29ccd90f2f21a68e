"""joinall returns the greenlets themselves, in the order in which they ended; their values are read from them."""

import gevent

from common import name, report_errors

report_errors()


def square(n, turns):
    for _ in range(turns):
        gevent.sleep(0)
    return n * n


def fails(turns):
    for _ in range(turns):
        gevent.sleep(0)
    raise ValueError("no square")


done = gevent.joinall([gevent.spawn(square, n, turns) for n, turns in [(1, 3), (2, 1), (3, 2)]])
print([g.value for g in done])
first, = gevent.joinall([gevent.spawn(square, 4, 100), gevent.spawn(square, 5, 1)], count=1)
print(first.get())

jobs = [gevent.spawn(square, 6, 1), gevent.spawn(fails, 2), gevent.spawn(square, 7, 3)]
try:
    print(sum(g.value for g in gevent.joinall(jobs, raise_error=True)))
except ValueError as error:
    print(f"{name(error)}: {error}")
print([g.value for g in gevent.joinall(jobs) if g.successful()])
print(sum(g.value for g in gevent.joinall([gevent.spawn(square, n, n) for n in range(4)], raise_error=True)))
print(len(gevent.joinall([gevent.spawn(gevent.sleep, 100)], timeout=0.001)))
