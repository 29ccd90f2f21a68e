"""A greenlet that is woken by a switch for which it does not wait gets InvalidSwitchError, and cleans up."""

import gevent
from gevent.exceptions import InvalidSwitchError

from common import flag, name

hub = gevent.get_hub()


def waits(what, function):
    try:
        function()
        print(f"{what}: goes on")
    except InvalidSwitchError as error:
        print(f"{what}: {name(error)}")


worker = gevent.spawn(gevent.sleep, 100)
timer = hub.loop.timer(100)
for what, function in (
    ("join", worker.join), ("get", worker.get), ("hub.wait", lambda: hub.wait(timer)), ("sleep", lambda: gevent.sleep(100))
):
    g = gevent.spawn(waits, what, function)
    gevent.sleep(0)
    hub.loop.run_callback(g.switch, "by somebody else")
    g.join()
print(f"has links: {flag(worker.has_links())}, active: {flag(timer.active)}")
worker.kill()
