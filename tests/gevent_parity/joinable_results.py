"""A JoinableQueue of tasks and a queue of results: join waits until each task is done, also those that tasks add."""

import gevent
from gevent.queue import JoinableQueue, Queue

from common import flag

tasks, results = JoinableQueue(), Queue()


def worker():
    for task in tasks:
        try:
            if task > 3:
                tasks.put(task // 2)
            gevent.sleep(0)
            results.put(task)
        finally:
            tasks.task_done()


workers = [gevent.spawn(worker) for _ in range(2)]
for task in [1, 9, 2, 4]:
    tasks.put(task)
print(f"unfinished: {tasks.unfinished_tasks}")
print(f"join: {flag(tasks.join())}, unfinished: {tasks.unfinished_tasks}")
results.put(StopIteration)
print(f"done: {sorted(results)}")
try:
    tasks.task_done()
except ValueError:
    print("nothing to be done")
gevent.killall(workers)
print(" ".join(flag(g.dead) for g in workers))
