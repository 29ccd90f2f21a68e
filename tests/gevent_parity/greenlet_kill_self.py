"""A greenlet may kill itself: it is thrown out of the kill. Without a wait, out of the next one."""

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
