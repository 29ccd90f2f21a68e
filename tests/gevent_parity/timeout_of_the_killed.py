"""A timeout ends with its block: it is not thrown into a greenlet that was killed, failed or went on."""

import gevent
from gevent import Timeout

from common import flag, name


def worker(label):
    try:
        with Timeout(0.02) as timeout:
            gevent.sleep(100)
    except BaseException as error:
        print(f"{label}: {name(error)} pending={flag(timeout.pending)}")
    gevent.sleep(0.05)
    print(f"{label} ends")


a, b, c = [gevent.spawn(worker, label) for label in "abc"]
gevent.sleep(0)
a.kill(block=False)
b.kill(ValueError("told"), block=False)
gevent.joinall([a, b, c])
