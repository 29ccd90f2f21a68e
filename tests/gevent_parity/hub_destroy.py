"""A destroyed hub is replaced by a new one, which goes on with the loop if that was kept."""

import gevent

from common import flag

first = gevent.get_hub()
loop = first.loop
gevent.sleep(0.001)
timer = loop.timer(0.001)
timer.start(print, "a timer of the kept loop")
first.destroy(destroy_loop=False)
second = gevent.get_hub()
print(f"another hub: {flag(second is not first)}, the same loop: {flag(second.loop is loop)}")
gevent.sleep(0.01)
print(gevent.spawn(lambda: "a greenlet of the second hub").get())
second.destroy(destroy_loop=True)
third = gevent.get_hub()
print(f"another hub: {flag(third is not second)}, the same loop: {flag(third.loop is loop)}")
gevent.sleep(0)
print("the third hub works")
