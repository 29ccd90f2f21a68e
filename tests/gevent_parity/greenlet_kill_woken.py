"""A kill of a greenlet that is about to go on: the callback that is queued first comes first."""

import gevent

from common import flag


def sleeper(name):
    try:
        gevent.sleep(0)
        print(f"{name} has slept")
        gevent.sleep(0)
        print(f"{name} has slept again")
    except gevent.GreenletExit:
        print(f"{name} is killed")


def killer():
    print("killer")
    for g in (a, b):
        g.kill(block=False)


a = gevent.spawn(sleeper, "a")
k = gevent.spawn(killer)
b = gevent.spawn(sleeper, "b")
gevent.joinall([a, b, k])
print(f"{flag(a.dead)} {flag(b.dead)}")
