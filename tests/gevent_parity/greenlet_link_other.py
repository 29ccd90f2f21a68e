"""A link may kill and start other greenlets; each takes its turn."""

import gevent

from common import flag


def worker(name):
    print(f"{name} begins")
    try:
        gevent.sleep(100)
    finally:
        print(f"{name} ends")


sleeping, made, scheduled_late = gevent.spawn(worker, "sleeping"), gevent.Greenlet(worker, "made"), gevent.Greenlet(worker, "late")


def kills(source):
    print("link kills and starts")
    sleeping.kill(block=False)
    made.start()
    scheduled_late.start()
    scheduled_late.kill(block=False)
    print(f"dead: {flag(sleeping.dead)} {flag(made.dead)} {flag(scheduled_late.dead)}")


g = gevent.spawn(lambda: None)
g.rawlink(kills)
g.rawlink(lambda source: print("next link"))
g.join()
print("joined")
gevent.sleep(0)
gevent.killall([sleeping, made, scheduled_late])
