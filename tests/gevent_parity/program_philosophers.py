"""Dining philosophers: each takes the two forks beside him in the order of their numbers, so that all eat."""

import gevent
from gevent.lock import RLock, Semaphore

forks = [Semaphore() for _ in range(5)]
table = RLock()
meals = [0] * 5


def eat(who):
    with table:
        meals[who] += 1
        print(f"{who} eats meal {meals[who]}")
    gevent.sleep(0)


def philosopher(who):
    first, second = sorted([who, (who + 1) % 5])
    for _ in range(2):
        with forks[first]:
            gevent.sleep(0)
            with forks[second]:
                eat(who)
        print(f"{who} thinks")
        gevent.sleep(0)


with gevent.Timeout(100):
    gevent.joinall([gevent.spawn(philosopher, who) for who in range(5)], raise_error=True)
print(f"{meals}, forks free: {[fork.counter for fork in forks]}")
