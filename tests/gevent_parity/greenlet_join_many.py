"""One greenlet joins many, many join one, and they all end in order."""

import gevent


def worker(i):
    for _ in range(i % 3):
        gevent.sleep(0)
    return i


def joiner(i):
    print(f"joiner {i}: {last.get()}")


workers = [gevent.spawn(worker, i) for i in range(9)]
last = workers[5]
joiners = [gevent.spawn(joiner, i) for i in range(3)]
print("ended: " + " ".join(str(g.value) for g in gevent.joinall(workers + joiners) if g in workers))
