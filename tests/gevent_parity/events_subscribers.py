"""Subscribers are called in their order, with the very event, which they may change; a program's own events, too."""

from gevent import events


class Deployed:
    def __init__(self, version):
        self.version = version
        self.seen = []


class Stopped:
    pass


def first(event):
    if isinstance(event, Deployed):
        event.seen.append("first")
        print("first:", event.version)


def second(event):
    if isinstance(event, Deployed):
        event.seen.append("second")
        print("second:", event.seen)
        if event.version == 3:
            events.notify(Stopped())


def stopped(event):
    if isinstance(event, Stopped):
        print("stopped")


def deploy(version):
    event = Deployed(version)
    events.notify(event)
    print(version, event.seen)


deploy(1)
events.subscribers.append(first)
events.subscribers.append(second)
events.subscribers.append(stopped)
deploy(2)
deploy(3)
events.subscribers.remove(first)
deploy(4)
events.subscribers.append(first)
deploy(5)
events.subscribers.remove(second)
events.subscribers.remove(first)
deploy(6)
events.notify(Stopped())
