"""A callback that fails does not keep the others from running, nor does one that queues more."""

import gevent

from common import report_errors

report_errors()
loop = gevent.get_hub().loop


def fails(label):
    print(f"{label} fails")
    raise ValueError("fails")


def queues(depth):
    print(f"queued at depth {depth}")
    if depth < 3:
        loop.run_callback(queues, depth + 1)
        loop.run_callback(fails, f"at depth {depth}")


loop.run_callback(fails, "first")
loop.run_callback(queues, 0)
loop.run_callback(print, "last of the first round")
gevent.sleep(0)
print("main goes on before the callbacks of callbacks")
gevent.sleep(0.001)
