"""The tasks of a queue: joined, done, done too often, given at the beginning, copied."""

import gevent
from gevent.queue import JoinableQueue, LifoQueue, PriorityQueue, Queue

from common import flag


def join(who, queue, timeout=None):
    print(f"{who}: {flag(queue.join(timeout=timeout))}")


def done(queue):
    try:
        queue.task_done()
        print(f"done, {queue.unfinished_tasks} left")
    except ValueError as error:
        print(error)


queue = Queue()
join("empty", queue)
done(queue)
queue.put("a")
queue.put("b")
join("two", queue, 0)
joiners = [gevent.spawn(join, who, queue) for who in ("join 1", "join 2")]
joiners.append(gevent.spawn(join, "join 3", queue, 0.01))
joiners[2].join()
print(queue.get(), queue.get())
join("got", queue, 0)
done(queue)
done(queue)
done(queue)
queue.put("c")
print(f"{queue.unfinished_tasks} again")
gevent.joinall(joiners)
join("three", queue, 0)

print("given at the beginning")
for tasks in (None, 0, 1, 5):
    queue = JoinableQueue(items=["x", "y"], unfinished_tasks=tasks)
    copy = queue.copy()
    queue.get()
    print(f"{queue.unfinished_tasks} unfinished, the copy has {copy.qsize()} and {copy.unfinished_tasks}")
    join("given", queue, 0)
print(JoinableQueue(unfinished_tasks=1).join(timeout=0))

print("other orders")
for make in (LifoQueue, PriorityQueue):
    queue = make(items=[3, 1, 2])
    print(queue.unfinished_tasks, queue.peek(), [queue.get() for _ in range(3)], queue.unfinished_tasks)
    queue.put(4)
    queue.put(0)
    queue.put(5)
    print(queue.unfinished_tasks, [queue.get() for _ in range(3)])
    copy = make(maxsize=7, items=[9, 8]).copy()
    print(copy.maxsize, copy.qsize(), copy.get())
    queue.shutdown(immediate=True)
    print(queue.unfinished_tasks)

print("bounded, with putters that wait")
for make in (LifoQueue, PriorityQueue):
    queue = make(1)
    putters = [gevent.spawn(queue.put, i) for i in (2, 3, 1)]
    gevent.sleep(0)
    got = [queue.get()]
    gevent.sleep(0)
    got.append(queue.get())
    gevent.joinall(putters)
    got.append(queue.get())
    print(got)

print("getters that wait, and items that come together")
for make in (LifoQueue, PriorityQueue, Queue):
    queue = make()
    getters = [gevent.spawn(queue.get) for _ in range(2)]
    gevent.sleep(0)
    for i in (2, 1, 3):
        queue.put(i)
    gevent.joinall(getters)
    print([getter.value for getter in getters], queue.get())
