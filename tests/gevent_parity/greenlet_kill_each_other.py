"""Two greenlets kill each other; one greenlet kills all, itself among them."""

import gevent

from common import flag


def killer(label, other):
    try:
        gevent.sleep(0)
        print(f"{label} kills")
        greenlets[other].kill()
        print(f"{label} has killed")
    finally:
        print(f"{label} ends")


greenlets = {}
greenlets["a"] = gevent.spawn(killer, "a", "b")
greenlets["b"] = gevent.spawn(killer, "b", "a")
gevent.joinall(list(greenlets.values()))
print(flag(greenlets["a"].successful()), flag(greenlets["b"].successful()))


def suicidal():
    try:
        gevent.sleep(0)
        gevent.killall(everybody)
        print("not reached")
    except gevent.GreenletExit:
        print("by its own hand")
        raise


everybody = [gevent.spawn(gevent.sleep, 100), gevent.spawn(suicidal), gevent.spawn(gevent.sleep, 100)]
gevent.joinall(everybody)
print(" ".join(flag(g.dead) for g in everybody))
