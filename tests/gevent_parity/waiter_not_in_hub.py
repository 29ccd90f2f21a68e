"""Only the hub may wake a greenlet in a Waiter's get: elsewhere it is an error."""

import gevent
from gevent.hub import Waiter

waiter = Waiter()
g = gevent.spawn(lambda: print(f"gets {waiter.get()}"))
gevent.sleep(0)
for method, argument in (waiter.switch, "from main"), (waiter.throw, ValueError("from main")):
    try:
        method(argument)
    except AssertionError:
        print("refused")
gevent.get_hub().loop.run_callback(waiter.switch, "from the hub")
g.join()
waiter.switch("nobody waits, so main may")
print(waiter.get())
