"""A wait that was killed leaves a callback in the loop's queue, which does not disturb the next wait."""

import gevent


def worker(name, first, second):
    try:
        first()
        print(f"{name}: was not killed there")
    except gevent.GreenletExit:
        print(f"{name} is killed")
    second()
    print(f"{name} ends")


ended = gevent.spawn(lambda: None)
ended.join()
shorts = [
    ("sleep(0)", lambda: gevent.sleep(0)),
    ("idle", lambda: gevent.idle()),
    ("wait", lambda: gevent.wait([gevent.Greenlet(), gevent.Greenlet()])),
]
for name, first in shorts:
    g = gevent.spawn(worker, name, first, lambda: gevent.sleep(0.001))
    h = gevent.spawn(g.kill)
    gevent.joinall([g, h])

g = gevent.spawn(worker, "join", lambda: other.join(), lambda: gevent.sleep(0.001))
other = gevent.spawn(gevent.sleep, 0)
gevent.sleep(0)
g.kill(block=False)
gevent.joinall([other, g])
