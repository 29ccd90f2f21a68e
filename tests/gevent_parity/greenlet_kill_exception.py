"""A kill may throw any exception: it can be caught; uncaught it is the greenlet's error."""

import gevent

from common import flag, name, report_errors

report_errors()


def catches():
    try:
        gevent.sleep(100)
    except ValueError as error:
        return f"caught {error}"


def lets_it_pass():
    try:
        gevent.sleep(100)
    finally:
        print("cleans up")


catching, passing = gevent.spawn(catches), gevent.spawn(lets_it_pass)
gevent.sleep(0)
catching.kill(ValueError("one"))
passing.kill(ValueError("two"))
print(f"{flag(catching.successful())}: {catching.value}")
print(f"{flag(passing.successful())}: {name(passing.exception)} {passing.exception}")
