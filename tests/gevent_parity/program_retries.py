"""A pool of workers that take jobs from a queue; a job that has failed is tried again, three times at most."""

import gevent
from gevent.pool import Pool
from gevent.queue import Empty, Queue

jobs = Queue()
results = {}


class Flaky(Exception):
    pass


def fetch(name, attempt):
    gevent.sleep(0)
    if len(name) > attempt:
        raise Flaky(f"{name} fails at attempt {attempt}")
    return name.upper()


def worker(number):
    done = 0
    while True:
        try:
            name, attempt = jobs.get_nowait()
        except Empty:
            return done
        try:
            results[name] = fetch(name, attempt)
            done += 1
        except Flaky as error:
            print(f"{number}: {error}")
            if attempt < 3:
                jobs.put((name, attempt + 1))
            else:
                results[name] = None


for name in ["a", "bb", "ccc", "dddd"]:
    jobs.put((name, 1))
pool = Pool(2)
workers = [pool.spawn(worker, number) for number in range(2)]
pool.join(raise_error=True)
print(f"done by the workers: {[worker.value for worker in workers]}")
for name, result in sorted(results.items()):
    print(f"{name}: {result}")
