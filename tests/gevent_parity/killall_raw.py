"""killall takes raw greenlets, too, together with others."""

import gevent

from common import flag


def worker(name):
    print(f"{name} begins")
    try:
        gevent.sleep(100)
    except gevent.GreenletExit:
        print(f"{name} is killed")
        raise
    print(f"{name} ends")


raw = gevent.spawn_raw(worker, "raw")
cooked = gevent.spawn(worker, "cooked")
gevent.sleep(0)
unrun = gevent.spawn_raw(worker, "raw, not begun")
gevent.killall([raw, cooked, unrun])
print(flag(raw.dead), flag(cooked.dead), flag(unrun.dead))
gevent.killall([raw, cooked, unrun])

raw = gevent.spawn_raw(worker, "another raw")
gevent.sleep(0)
gevent.killall([raw], block=False)
print(flag(raw.dead))
gevent.sleep(0)
print(flag(raw.dead))
