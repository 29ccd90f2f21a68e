"""Two greenlets that join each other wait for ever; main gets LoopExit, and can end it."""

import gevent
from gevent.exceptions import LoopExit

from common import name


def joins(label, other):
    print(f"{label} joins")
    try:
        greenlets[other].join()
    finally:
        print(f"{label} ends")


greenlets = [gevent.spawn(joins, "a", 1), gevent.spawn(joins, "b", 0)]
try:
    gevent.joinall(greenlets)
except LoopExit as error:
    print(name(error))
greenlets[0].kill()
gevent.joinall(greenlets)
