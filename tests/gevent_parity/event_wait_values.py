"""wait returns whether the event was set, before or during the wait."""

import gevent
from gevent.event import Event

from common import flag

event = Event()
print(f"clear, no time: {flag(event.wait(0))}")
print(f"clear, a short time: {flag(event.wait(0.001))}")
gevent.spawn(event.set)
print(f"set meanwhile: {flag(event.wait(100))}")
print(f"set: {flag(event.wait(0))} {flag(event.wait())}")
event.clear()


def flash():
    event.set()
    event.clear()


gevent.spawn(flash)
print(f"set and cleared meanwhile: {flag(event.wait(100))}, ready: {flag(event.ready())}")
print(f"linked: {event.linkcount()}")
