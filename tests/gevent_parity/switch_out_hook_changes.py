"""switch_out is called before each wait of any kind; the wait fails with its error."""

import gevent
from gevent.event import Event
from gevent.hub import Waiter

from common import name


class Counting(gevent.Greenlet):
    count = 0
    refuse = False

    def switch_out(self):
        self.count += 1
        if self.refuse:
            raise ValueError("stay")


def one(label, wait):
    before = g.count
    try:
        wait()
        print(f"{label}: waited, asked {g.count - before}")
    except ValueError as error:
        print(f"{label}: {name(error)}, asked {g.count - before}")


def run():
    done = gevent.spawn(lambda: None)
    stored = Waiter()
    stored.switch(1)
    event = Event()
    one("sleep", lambda: gevent.sleep(0))
    one("sleep some", lambda: gevent.sleep(0.001))
    one("done", done.join)
    one("stored", stored.get)
    one("event", lambda: event.wait(0.001))
    g.refuse = True
    one("sleep", lambda: gevent.sleep(0))
    one("sleep some", lambda: gevent.sleep(0.001))
    one("event", event.wait)
    one("join", gevent.spawn(lambda: None).join)
    g.refuse = False
    one("sleep", lambda: gevent.sleep(0))


g = Counting(run)
g.start()
g.join()
