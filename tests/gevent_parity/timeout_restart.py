"""cancel and start: a timeout that was cancelled, or has come, may be started again."""

import gevent
from gevent import Timeout

from common import flag


def wait(seconds):
    try:
        gevent.sleep(seconds)
        print("slept")
    except Timeout as error:
        print("own" if error is timeout else "other", flag(timeout.pending))


timeout = Timeout(0.09)
print(flag(timeout.pending))
timeout.start()
try:
    timeout.start()
except AssertionError:
    print("started twice", flag(timeout.pending))
wait(0.03)
timeout.cancel()
print("cancelled", flag(timeout.pending))
timeout.cancel()
timeout.start()
wait(0.03)
print("still", flag(timeout.pending))
wait(10)
timeout.start()
print("again", flag(timeout.pending))
wait(10)
timeout.close()
timeout.close()
print("closed", flag(timeout.pending))
