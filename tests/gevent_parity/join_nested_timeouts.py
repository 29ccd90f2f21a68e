"""The time limit of a join makes it return; a Timeout around it is raised."""

import gevent
from gevent import Timeout

from common import flag, name

g = gevent.spawn(gevent.sleep, 100)
g.join(timeout=0.001)
print("join:", flag(g.ready()))

outer = Timeout.start_new(0.001)
try:
    g.join(timeout=10)
    print("not reached")
except Timeout as error:
    print("outer" if error is outer else "inner")
finally:
    outer.close()

outer = Timeout.start_new(10)
try:
    g.get(timeout=0.001)
except Timeout as error:
    print("outer" if error is outer else "inner", error)
finally:
    outer.close()

try:
    g.get(block=False)
except Timeout as error:
    print("not blocking:", name(error))

outer = Timeout.start_new(0.001)
try:
    gevent.joinall([g], timeout=10)
except Timeout as error:
    print("joinall:", "outer" if error is outer else "inner")
finally:
    outer.close()
print("joinall:", len(gevent.joinall([g], timeout=0.001)))

outer = Timeout.start_new(0.001)
try:
    for _ in gevent.iwait([g], timeout=10):
        pass
    print("not reached")
except Timeout as error:
    print("iwait:", "outer" if error is outer else "inner")
finally:
    outer.close()
g.kill()
