"""The hub may call all that does not wait. A kill that may not wait is sent nevertheless."""

import gevent
from gevent.exceptions import BlockingSwitchOutError

from common import flag, name

hub = gevent.get_hub()


def worker():
    try:
        gevent.sleep(100)
    finally:
        print("worker ends")


def tries(what, function):
    try:
        print(f"{what}: {function()}")
    except BlockingSwitchOutError as error:
        print(f"{what}: {name(error)}")


def callback():
    tries("get of one that has ended", ended.get)
    ended.join()
    ended.kill()
    tries("wait", lambda: gevent.wait([running], timeout=100))
    tries("kill", running.kill)
    print(f"dead: {flag(running.dead)}")
    never.kill()
    gevent.killall([never, ended])
    print(f"dead: {flag(never.dead)}")


ended, running, never = gevent.spawn(lambda: 7), gevent.spawn(worker), gevent.Greenlet(worker)
ended.join()
hub.loop.run_callback(callback)
gevent.sleep(0)
gevent.sleep(0)
print(f"dead: {flag(running.dead)}, has links: {flag(running.has_links())}")
