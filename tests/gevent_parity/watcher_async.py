"""async watchers: many sends before the loop looks are one event."""

import gevent

from common import flag

loop = gevent.get_hub().loop
count = 0


def received():
    global count
    count += 1


watcher = loop.async_()
watcher.start(received)
for _ in range(3):
    watcher.send()
print(f"sent, pending: {flag(watcher.pending)}")
gevent.sleep(0.01)
print(f"received {count}, pending: {flag(watcher.pending)}")
watcher.send()
gevent.sleep(0.01)
print(f"received {count}")
watcher.stop()

waiting = loop.async_()
gevent.spawn(waiting.send)
gevent.get_hub().wait(waiting)
print("hub.wait returned")
