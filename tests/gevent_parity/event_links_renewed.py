"""A link that is added during a round of links is called in another one, if the event is still set after the first."""

import gevent
from gevent.event import Event

from common import flag


def rounds(name, event):
    print(name)
    for _ in range(3):
        event.set()
        gevent.sleep(0)
        gevent.sleep(0)
        print(f"was set, linked: {event.linkcount()}")


def renews_and_clears(event):
    print("called", flag(event.is_set()))
    event.rawlink(lambda event: renews_and_clears(event))
    event.clear()


def clears_and_renews(event):
    print("called", flag(event.is_set()))
    event.clear()
    event.rawlink(lambda event: clears_and_renews(event))


def adds_another(event):
    print("adds another", flag(event.is_set()))
    event.rawlink(lambda event: print("another", flag(event.is_set())))


def clears(event):
    print("clears", flag(event.is_set()))
    event.clear()


def clears_and_sets(event):
    print("clears and sets", flag(event.is_set()))
    event.clear()
    event.set()


for link in (renews_and_clears, clears_and_renews):
    event = Event()
    event.rawlink(link)
    rounds(link.__name__, event)

for name, links in (
    ("stays set", [adds_another]),
    ("cleared by a later link", [adds_another, clears]),
    ("cleared and set by a later link", [adds_another, clears_and_sets]),
):
    event = Event()
    for link in links:
        event.rawlink(link)
    rounds(name, event)
