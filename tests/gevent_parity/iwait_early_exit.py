"""An iwait that is left early unlinks the other objects; those that were ready stay ready."""

import gevent

from common import flag


def worker(name, rounds):
    for _ in range(rounds):
        gevent.sleep(0)
    return name


def links():
    return " ".join(flag(g.has_links()) for g in greenlets)


greenlets = [gevent.spawn(worker, *a) for a in (("a", 9), ("b", 1), ("c", 5))]
with gevent.iwait(greenlets) as ready:
    print(f"before the first: {links()}")
    for g in ready:
        print(f"{g.value} is ready: {links()}")
        break
print(f"left: {links()}")
with gevent.iwait(greenlets) as ready:
    print(" ".join(g.value for g in ready))
