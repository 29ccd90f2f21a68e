"""hub.switch parks, and returns the value with which the greenlet is switched back."""

import gevent

from common import name

hub = gevent.get_hub()


def parks(label):
    print(f"{label} parks")
    for _ in range(2):
        try:
            print(f"{label} gets {hub.switch()}")
        except ValueError as error:
            print(f"{label}: {name(error)}")


a, b = gevent.spawn(parks, "a"), gevent.spawn(parks, "b")
gevent.sleep(0)
hub.loop.run_callback(a.switch, "one")
hub.loop.run_callback(b.throw, ValueError("two"))
hub.loop.run_callback(b.switch, "three")
timer = hub.loop.timer(0.001)
timer.start(a.switch, "four")
gevent.joinall([a, b])
main = gevent.getcurrent()
hub.loop.run_callback(main.switch, "five")
print(f"main gets {hub.switch()}")
