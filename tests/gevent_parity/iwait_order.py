"""iwait yields the objects as they become ready; other waits in between lose none."""

import gevent


def worker(name, rounds):
    for _ in range(rounds):
        gevent.sleep(0)
    print(f"{name} ends")
    return name


greenlets = [gevent.spawn(worker, *a) for a in (("a", 30), ("b", 1), ("c", 20), ("d", 3))]
for g in gevent.iwait(greenlets):
    print(f"{g.value} is ready")
    for _ in range(5):
        gevent.sleep(0)
    print(f"{g.value} is done with")
for g in gevent.iwait([greenlets[2], greenlets[0], greenlets[2]]):
    print(f"{g.value} was ready")
