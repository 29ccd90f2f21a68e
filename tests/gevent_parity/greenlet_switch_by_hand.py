"""A greenlet that is switched to before its turn begins then, and has no turn any more."""

import gevent

from common import flag

hub = gevent.get_hub()


def worker(label):
    print(f"{label} begins")
    print(f"{label} gets {hub.switch()}")


a = gevent.Greenlet(worker, "a")
hub.loop.run_callback(a.switch)
a.start()
b = gevent.Greenlet(worker, "b")
hub.loop.run_callback(b.switch)
b.start_later(0.001)
c = gevent.Greenlet(worker, "c")
hub.loop.run_callback(c.switch)
gevent.sleep(0.05)
print(f"started: {flag(a.started)} {flag(b.started)} {flag(c.started)}")
for g in a, b, c:
    hub.loop.run_callback(g.switch, "a switch")
gevent.joinall([a, b, c])
print(f"ready: {flag(a.ready())} {flag(b.ready())} {flag(c.ready())}")
