"""The order of a kill among the other queued callbacks."""

import gevent

from common import flag

loop = gevent.get_hub().loop


def worker(name):
    try:
        gevent.sleep(100)
    except gevent.GreenletExit:
        print(f"{name} is killed")
        raise
    finally:
        print(f"{name} ends")


a = gevent.spawn(worker, "a")
b = gevent.spawn(worker, "b")
gevent.sleep(0)
loop.run_callback(print, "callback before")
a.kill(block=False)
loop.run_callback(print, "callback between")
b.kill(block=False)
loop.run_callback(print, "callback after")
print(f"not yet: {flag(a.dead)} {flag(b.dead)}")
gevent.sleep(0)
print(f"now: {flag(a.dead)} {flag(b.dead)}")

c = gevent.spawn(worker, "c")
c.link(lambda _: print("link of c"))
gevent.sleep(0)
loop.run_callback(print, "callback before a blocking kill")
c.kill()
print(f"after the kill: {flag(c.dead)}")
gevent.sleep(0)
