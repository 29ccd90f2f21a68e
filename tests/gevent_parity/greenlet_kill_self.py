"""A greenlet may kill itself: the kill raises. A kill that does not wait raises in the next wait."""

import gevent

from common import flag, name


def kills(block):
    print("begins")
    try:
        gevent.getcurrent().kill(block=block)
        print("goes on")
        gevent.sleep(0)
        print("never printed")
    except gevent.GreenletExit as error:
        print(f"out of it: {name(error)}")
        raise
    finally:
        print("ends")


for block in True, False:
    g = gevent.spawn(kills, block)
    g.join()
    print(f"block={flag(block)}: {flag(g.successful())}")
