"""joinall with raise_error raises the first error; without it errors stay with the greenlets."""

import gevent

from common import flag, name, report_errors

report_errors()


def fails(name, seconds):
    gevent.sleep(seconds)
    raise ValueError(name)


def works(seconds):
    gevent.sleep(seconds)


greenlets = [
    gevent.spawn(works, 100), gevent.spawn(fails, "slow", 0.3), gevent.spawn(fails, "fast", 0.01),
    gevent.spawn(works, 0.001),
]
try:
    gevent.joinall(greenlets, raise_error=True)
except ValueError as error:
    print(f"raised: {error}, the same: {flag(error is greenlets[2].exception)}")
print("ready: " + " ".join(flag(g.ready()) for g in greenlets))
done = gevent.joinall(greenlets, count=3)
print(f"done: {len(done)}")
