"""A token bucket: a greenlet fills it, the others wait for a token; whoever waits too long gives up."""

import gevent
from gevent.lock import BoundedSemaphore


class Limiter:
    def __init__(self, burst):
        self.tokens = BoundedSemaphore(burst)
        self.refused = 0

    def refill(self):
        try:
            self.tokens.release()
        except ValueError:
            print("the bucket is full")

    def call(self, function, *args, timeout=None):
        if not self.tokens.acquire(timeout=timeout):
            self.refused += 1
            return None
        return function(*args)


def request(n):
    print(f"request {n}")
    return n


limiter = Limiter(2)
limiter.refill()
jobs = [gevent.spawn(limiter.call, request, n) for n in range(5)]
gevent.sleep(0)
print(f"{sum(job.ready() for job in jobs)} had a token")
print(f"now: {limiter.call(request, 5, timeout=0)}, soon: {limiter.call(request, 6, timeout=0.001)}")
for _ in range(3):
    limiter.refill()
    gevent.sleep(0)
gevent.joinall(jobs)
print(f"{[job.value for job in jobs]}, refused: {limiter.refused}")
