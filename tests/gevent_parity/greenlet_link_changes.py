"""Links take others away, add some, kill and spawn while they are called."""

import gevent

from common import flag


def third(source):
    print("third")


def added(source):
    print("added")


def first(source):
    print("first")
    source.unlink(second)
    source.rawlink(added)
    source.rawlink(third)


def second(source):
    print("second, never")


def kills(source):
    print("kills")
    victim.kill(block=False)
    gevent.spawn(print, "spawned by a link")


def victims(source):
    print("victim's link", flag(source.successful()))


g = gevent.spawn(lambda: print("runs"))
victim = gevent.spawn(gevent.sleep, 100)
victim.rawlink(victims)
g.rawlink(first)
g.rawlink(second)
g.rawlink(kills)
gevent.sleep(0)
g.join()
victim.join()
gevent.sleep(0)
g.rawlink(third)
g.unlink_all()
gevent.sleep(0)
print("end")
