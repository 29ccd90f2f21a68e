"""Calls functions every few seconds without drift: a late or slow call does not move the next ones, it skips them."""

import time

import gevent
from gevent.queue import Queue


class Scheduler:
    def __init__(self):
        self.jobs = {}

    def every(self, interval, name, function):
        greenlet = self.jobs[name] = gevent.spawn(self.repeat, interval, name, function)
        greenlet.link_value(lambda _: print(name, "was cancelled"))
        greenlet.link_exception(lambda _: print(name, "has failed:", greenlet.exception))
        greenlet.rawlink(lambda _: self.jobs.pop(name))

    def repeat(self, interval, name, function):
        start = time.time()
        turn = 0
        while True:
            turn += 1
            left = start + turn * interval - time.time()
            if left >= 0:
                gevent.sleep(left)
                function(turn)
            else:
                print(name, "skips turn", turn)

    def cancel(self, name):
        self.jobs[name].kill(block=False)

    def join(self):
        while self.jobs:
            gevent.joinall(list(self.jobs.values()))


def lazy(turn):
    if turn == 1:
        gevent.sleep(0.25)
    else:
        gevent.getcurrent().kill()


def failing(turn):
    raise ValueError("no luck")


if __name__ == "__main__":
    scheduler, ticks = Scheduler(), Queue()
    scheduler.every(0.05, "ticks", ticks.put)
    scheduler.every(0.10, "lazy", lazy)
    scheduler.every(0.01, "failing", failing)
    never = gevent.spawn_later(60, print, "never")
    print("ticks:", ticks.get(), ticks.get())
    print("running:", " ".join(sorted(scheduler.jobs)))
    scheduler.cancel("ticks")
    never.kill()
    scheduler.join()
