"""Raw greenlets share the queue with the others; their errors go to the hub."""

import gevent

from common import flag, report_errors

report_errors()


def worker(name, error=None):
    print(f"{name} begins")
    gevent.sleep(0)
    print(f"{name} ends")
    if error:
        raise error


a = gevent.spawn_raw(worker, "raw a")
b = gevent.spawn(worker, "b")
c = gevent.spawn_raw(worker, "raw c", ValueError("raw c"))
d = gevent.spawn(worker, "d")
print(f"dead: {flag(a.dead)} {flag(c.dead)}")
gevent.sleep(0)
print(f"dead: {flag(a.dead)} {flag(c.dead)}")
gevent.joinall([b, d])
print(f"dead: {flag(a.dead)} {flag(c.dead)}")
