"""A thousand greenlets: every one has its turn, in order, each round."""

import gevent

order = []


def worker(i):
    for r in range(3):
        order.append((r, i))
        gevent.sleep(0)


gevent.joinall([gevent.spawn(worker, i) for i in range(1000)])
print(len(order))
print("in order" if order == sorted(order) else "out of order")
