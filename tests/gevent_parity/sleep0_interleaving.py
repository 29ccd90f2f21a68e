"""sleep(0) gives every greenlet that can run its turn, in a ring."""

import gevent


def worker(name, rounds):
    for i in range(rounds):
        print(f"{name} {i}")
        gevent.sleep(0)
    print(f"{name} ends")


greenlets = [gevent.spawn(worker, "a", 3), gevent.spawn(worker, "b", 1), gevent.spawn(worker, "c", 2)]
for i in range(2):
    print(f"main {i}")
    gevent.sleep(0)
greenlets.append(gevent.spawn(worker, "d", 1))
gevent.joinall(greenlets)
