"""unlink_all takes the links of joining greenlets, too: they are not woken any more."""

import gevent
from gevent.exceptions import LoopExit

from common import flag, name


def worker():
    gevent.sleep(0)
    print("worker ends")


def joins():
    g.join()
    print("never printed")


g = gevent.spawn(worker)
g.rawlink(lambda source: source.unlink_all())
g.rawlink(lambda source: print("never printed"))
joiner = gevent.spawn(joins)
try:
    joiner.join()
except LoopExit as error:
    print(name(error))
print(f"{flag(g.ready())} {flag(joiner.ready())}")
joiner.kill()
