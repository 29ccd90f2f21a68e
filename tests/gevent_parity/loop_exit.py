"""No greenlet is left that could wake another: LoopExit in main. The hub can be used again afterwards."""

import gevent
from gevent.exceptions import LoopExit
from gevent.hub import Waiter

from common import flag, name

hub = gevent.get_hub()


def blocks_for_ever(what, function):
    try:
        function()
    except LoopExit as error:
        print(f"{what}: {name(error)}")


def parks():
    try:
        Waiter().get()
    finally:
        print("the parked greenlet ends")


parked = gevent.spawn(parks)
blocks_for_ever("hub.switch", hub.switch)
blocks_for_ever("join", parked.join)
blocks_for_ever("get", parked.get)
blocks_for_ever("joinall", lambda: gevent.joinall([parked]))
blocks_for_ever("Waiter.get", Waiter().get)
print(f"has links: {flag(parked.has_links())}")
gevent.sleep(0.001)
print(gevent.spawn(lambda: "the hub goes on").get())
parked.kill()
