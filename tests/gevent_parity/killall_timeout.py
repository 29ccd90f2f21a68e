"""killall with a time limit raises Timeout if not all are dead when it is over."""

import gevent

from common import flag, name, report_errors

report_errors()


def stubborn():
    try:
        gevent.sleep(100)
    except gevent.GreenletExit:
        gevent.sleep(0.3)
    print("stubborn ends")


def obedient():
    gevent.sleep(100)


greenlets = [gevent.spawn(stubborn), gevent.spawn(obedient)]
gevent.sleep(0)
try:
    gevent.killall(greenlets, timeout=0.001)
except gevent.Timeout as error:
    print(f"{name(error)}: " + " ".join(flag(g.dead) for g in greenlets))
gevent.joinall(greenlets)

greenlets = [gevent.spawn(obedient) for _ in range(2)]
gevent.sleep(0)
gevent.killall(greenlets, exception=ValueError("kill"), timeout=100)
print(" ".join(name(g.exception) for g in greenlets))
