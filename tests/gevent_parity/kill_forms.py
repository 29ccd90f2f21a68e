"""The forms of kill and killall: with an exception, without waiting for the end, for a limited time."""

import gevent

from common import flag, name, report_errors

report_errors()


def stubborn(label, kills=0):
    while True:
        try:
            gevent.sleep(100)
        except (ValueError, gevent.GreenletExit) as error:
            print(f"{label}: {name(error)}")
            if not kills:
                raise
            kills -= 1


def started(*args):
    g = gevent.spawn(stubborn, *args)
    gevent.sleep(0)
    return g


def show(label, *greenlets):
    print(f"{label}: " + " ".join(flag(g.dead) for g in greenlets))


a = started("a")
a.kill(ValueError("by name"))
show("with an exception", a)
b = started("b")
b.kill(ValueError("unseen"), block=False)
show("without waiting", b)
b.join()
show("joined", b)
c = started("c", 1)
c.kill(timeout=0.001)
show("in no time", c)
c.kill()
show("again", c)

pair = [started("d"), started("e", 1)]
gevent.killall(pair, ValueError("for all"), block=False)
show("killall", *pair)
gevent.sleep(0)
show("killall, a turn later", *pair)
try:
    gevent.killall([started("f", 1)] + pair, ValueError("in time"), timeout=0.001)
except gevent.Timeout as timeout:
    print(f"{name(timeout)}: {timeout}")
show("pair", *pair)
