"""threading's Barrier on gevent's locks: passes, an action, a timeout, a reset."""

import threading

import gevent
from gevent import monkey

from common import flag

monkey.patch_thread()
barrier = threading.Barrier(3, action=lambda: print("action"))


def passes(name):
    for i in range(2):
        barrier.wait()
        print(f"{name} has passed, {i}")


gevent.joinall([gevent.spawn(passes, i) for i in range(3)])
print(f"waiting: {barrier.n_waiting}, broken: {flag(barrier.broken)}")


def is_broken(name, timeout=None):
    try:
        barrier.wait(timeout)
    except threading.BrokenBarrierError:
        print(f"{name}: broken")


patient = gevent.spawn(is_broken, "patient")
gevent.sleep(0)
print(f"waiting: {barrier.n_waiting}")
is_broken("in a hurry", 0.001)
patient.join()
print(f"broken: {flag(barrier.broken)}")
is_broken("late")
barrier.reset()
print(f"broken: {flag(barrier.broken)}")
patient = gevent.spawn(is_broken, "patient")
gevent.sleep(0)
barrier.reset()
patient.join()
print(f"waiting: {barrier.n_waiting}, broken: {flag(barrier.broken)}")
