"""Pool.join returns whether the pool is empty; with raise_error it raises the error of a member that has failed."""

import gevent
from gevent.pool import Pool

from common import flag, name, report_errors

report_errors()
pool = Pool(2)


def work(n):
    gevent.sleep(0)
    if n % 2:
        raise ValueError(f"{n} is odd")
    print(f"{n} is done")


for n in range(4):
    pool.spawn(work, n)
print(f"join: {flag(pool.join())}")
for n in range(4):
    pool.spawn(work, n)
try:
    pool.join(raise_error=True)
except ValueError as error:
    print(f"{name(error)}: {error}, left: {len(pool)}")
print(f"join: {flag(pool.join())}")
pool.spawn(gevent.sleep, 100)
print(f"in no time: {flag(pool.join(timeout=0.001))}, left: {len(pool)}")
print(f"nor with errors: {flag(pool.join(timeout=0.001, raise_error=True))}")
pool.kill()
print(f"killed: {flag(pool.join(raise_error=True))}")
