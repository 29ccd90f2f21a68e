"""Functions run by threads: values, errors, order."""

import gevent
from gevent.threadpool import ThreadPool

from common import flag, name

gevent.get_hub().exception_stream = None  # whose errors they are is told differently
pool = ThreadPool(1)


def fail():
    raise ValueError("oh")


print(f"size {pool.size}, maxsize {pool.maxsize}")
print(pool.apply(lambda: 6 * 7))
print(f"size {pool.size}")
results = [pool.spawn(lambda i=i: i * i) for i in range(4)]
print(*(result.get() for result in results))
try:
    pool.apply(fail)
except ValueError as e:
    print(f"{name(e)} {e}")
result = pool.spawn(fail)
result.wait()
print(f"successful {flag(result.successful())}, {name(result.exception)}")
print(*pool.map(lambda i: i + 1, range(4)))
print(*pool.imap(lambda i: i + 1, range(4)))
print(*sorted(pool.imap_unordered(lambda i: i + 1, range(4))))
pool.join()
print(f"tasks {len(pool)}")
pool.kill()
print(f"size {pool.size}")
print(pool.apply(lambda: "again"))
