"""Tasks, and greenlets that wait until all tasks are done."""

import gevent
from gevent.queue import Queue

from common import flag

queue = Queue(items=["a", "b"])


def joiner(name):
    print(f"{name}: {flag(queue.join())}")


def worker():
    while True:
        task = queue.get()
        gevent.sleep(0)
        print(f"{task} is done, unfinished {queue.unfinished_tasks - 1}")
        queue.task_done()


print(f"nothing done: {flag(queue.join(timeout=0))}")
gevent.spawn(joiner, "first")
gevent.spawn(worker)
gevent.sleep(0)
queue.put("c")
gevent.spawn(joiner, "second")
print(f"all: {flag(queue.join())}")
queue.put("d")
gevent.sleep(0)
try:
    for _ in range(2):
        queue.task_done()
except ValueError as e:
    print(e)
print(f"again: {flag(queue.join())}")
