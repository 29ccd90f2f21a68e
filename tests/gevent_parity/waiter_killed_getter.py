"""A getter that is killed leaves its Waiter free for the next."""

import gevent
from gevent.hub import Waiter

from common import flag

waiter = Waiter()
g = gevent.spawn(waiter.get)
gevent.sleep(0)
g.kill()
print(f"ready={flag(waiter.ready())}")
gevent.get_hub().loop.run_callback(waiter.switch, "value")
print(waiter.get())
timeout = gevent.Timeout.start_new(0.001)
try:
    waiter.get()
except gevent.Timeout as error:
    print(f"timeout: {flag(error is timeout)}")
waiter.switch("late")
print(waiter.get())
