"""A timeout interrupts a greenlet that joins, and not the one that is joined."""

import gevent

from common import flag


def worker():
    gevent.sleep(0.3)
    print("worker ends")
    return "value"


g = gevent.spawn(worker)
timeout = gevent.Timeout.start_new(0.001)
try:
    g.join()
except gevent.Timeout as error:
    print(f"join: {flag(error is timeout)}, has links: {flag(g.has_links())}")
timeout = gevent.Timeout.start_new(0.001)
try:
    g.join(timeout=100)
except gevent.Timeout as error:
    print(f"join(timeout=100): {flag(error is timeout)}, has links: {flag(g.has_links())}")
timeout = gevent.Timeout.start_new(100)
g.join(timeout=0.001)
print(f"join(timeout=0.001): {flag(g.ready())}, pending: {flag(timeout.pending)}")
print(g.get(timeout=100))
timeout.close()
