"""imap with a maxsize does not start tasks before their results are asked for."""

import gevent
from gevent.pool import Pool


def task(i):
    print(f"{i} runs")
    return i


for method in ("imap", "imap_unordered"):
    iterator = getattr(Pool(4), method)(task, range(5), maxsize=2)
    gevent.sleep(0)
    gevent.sleep(0)
    for value in iterator:
        print(f"value {value}")
        gevent.sleep(0)
        gevent.sleep(0)
        print("and")
