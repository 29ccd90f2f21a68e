"""A greenlet's switch_out hook is called each time it leaves for the hub, and may refuse."""

import gevent

from common import name


class Hooked(gevent.Greenlet):
    refuses = False

    def switch_out(self):
        print("switch_out")
        if self.refuses:
            raise ValueError("stay")


def worker():
    print("worker begins")
    gevent.sleep(0)
    print("worker goes on")
    gevent.sleep(0.001)
    g.refuses = True
    for wait in (lambda: gevent.sleep(0), lambda: gevent.sleep(0.001), gevent.idle):
        try:
            wait()
        except ValueError as error:
            print(f"{name(error)}")
    g.refuses = False
    gevent.spawn(print, "another").join()
    print("worker ends")


g = Hooked(worker)
g.start()
g.join()
gevent.sleep(0.01)
