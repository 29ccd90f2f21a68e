"""A queue of jobs for a few workers: each job gives a result or its last error, and its submitter waits for it."""

from collections import Counter

import gevent
from gevent.event import AsyncResult
from gevent.queue import JoinableQueue

TRIES = 3


class JobQueue:
    def __init__(self, workers):
        self.jobs = JoinableQueue()
        self.attempts = 0
        self.workers = [gevent.spawn(self.work) for _ in range(workers)]

    def submit(self, function, n):
        result = AsyncResult()
        self.jobs.put((function, n, result, 1))
        return result

    def work(self):
        while True:
            function, n, result, attempt = self.jobs.get()
            self.attempts += 1
            try:
                result.set(function(n))
            except Exception as error:
                if attempt < TRIES:
                    print(f"attempt {attempt} of {n} failed: {error}")
                    self.jobs.put((function, n, result, attempt + 1))
                else:
                    result.set_exception(error)
            finally:
                self.jobs.task_done()

    def stop(self):
        self.jobs.join()
        gevent.killall(self.workers)


def square(n):
    gevent.sleep(0.01 * n)
    return n * n


class Flaky:
    def __init__(self):
        self.calls = Counter()

    def __call__(self, n):
        self.calls[n] += 1
        if self.calls[n] < n:
            raise ValueError(f"{n} is not ready")
        return n


if __name__ == "__main__":
    queue = JobQueue(workers=2)
    squares = [queue.submit(square, n) for n in range(4)]
    flaky = Flaky()
    results = [queue.submit(flaky, n) for n in (1, 3, 9)]
    print("squares", [result.get() for result in squares])
    for result in results:
        try:
            print("got", result.get(timeout=5))
        except ValueError as error:
            print("failed:", error)
    queue.stop()
    print(queue.attempts, "attempts")
