"""A supervisor that starts workers again when they fail, until they have failed too often, and stops the rest."""

import gevent
from gevent.event import Event

from common import name, report_errors

report_errors()


class Supervisor:
    def __init__(self, limit):
        self.limit = limit
        self.failures = {}
        self.running = {}
        self.given_up = Event()

    def start(self, label, function):
        g = self.running[label] = gevent.spawn(function, label)
        g.link_exception(lambda g: self.failed(label, function, g.exception))
        g.link_value(lambda g: self.running.pop(label))

    def failed(self, label, function, error):
        count = self.failures[label] = self.failures.get(label, 0) + 1
        print(f"{label}: {name(error)} {error}, failure {count}")
        del self.running[label]
        if count < self.limit:
            self.start(label, function)
        else:
            self.given_up.set()

    def stop(self):
        gevent.killall(list(self.running.values()))
        gevent.sleep(0)


def crashes(label):
    gevent.sleep(0)
    raise ValueError("crashed")


def endless(label):
    try:
        while True:
            gevent.sleep(100)
    finally:
        print(f"{label} stops")


def short(label):
    print(f"{label} is done")


supervisor = Supervisor(3)
for label, function in [("crasher", crashes), ("server", endless), ("task", short)]:
    supervisor.start(label, function)
supervisor.given_up.wait()
print("running: " + " ".join(sorted(supervisor.running)))
supervisor.stop()
print(f"running: {len(supervisor.running)}, failures: {supervisor.failures['crasher']}")
