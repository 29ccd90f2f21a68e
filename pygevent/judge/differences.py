"""Where our loop does something else than gevent's, on purpose: the whole list.

Each difference has a reason and its smallest program, which `fuzz.py --differences` runs on both loops: each has to do
what is written here. The random programs avoid exactly these situations; `avoided by` says where in programs.py.
"""

import socket
import time
from contextlib import contextmanager
from threading import Thread

from gevent.exceptions import HubDestroyed
from greenlet import getcurrent, greenlet


class Difference:
    def __init__(self, case, gevent, ours, reason, avoided_by):
        self.name = case.__name__
        self.case, self.gevent, self.ours, self.reason, self.avoided_by = case, gevent, ours, reason, avoided_by


DIFFERENCES = []


def difference(gevent, ours, reason, avoided_by):
    def add(case):
        DIFFERENCES.append(Difference(case, gevent, ours, reason, avoided_by))
        return case

    return add


@contextmanager
def new_loop(core):
    loop = core.loop(default=False)
    loop.error_handler = lambda *error: None
    try:
        yield loop
    finally:
        loop.destroy()


@difference(
    gevent=[2, 2], ours=[2, 3],
    reason="gevent puts the events into the watcher's own tuple of arguments while the callback runs. If the callback runs "
    "the loop again, an event of the same watcher finds the old number there.",
    avoided_by="`called` leaves the events out if another call of the watcher is under way",
)
def stale_events(core):
    events, (ours, theirs) = [], socket.socketpair()
    with new_loop(core) as loop, ours, theirs:
        io = loop.io(ours.fileno(), 3)

        def callback(now):
            events.append(now)
            if len(events) == 1:
                theirs.send(b"x")
                loop.run(nowait=True)
            io.stop()

        io.start(callback, pass_events=True)
        loop.run(nowait=True)
    return events


@difference(
    gevent=(0, 0), ours=(2, 2),
    reason="gevent makes libev's struct anew when `events` or `fd` of an io watcher is set, and forgets the priority.",
    avoided_by="`do_events` sets the priority again",
)
def lost_priority(core):
    (ours, theirs), seen = socket.socketpair(), []
    with new_loop(core) as loop, ours, theirs:
        io = loop.io(ours.fileno(), 1, priority=2)
        io.events = 2
        seen.append(io.priority)
        io.priority = 2 if core.__name__ == "rustloop" else 0
        io.fd = theirs.fileno()
        seen.append(io.priority)
    return tuple(seen)


@difference(
    gevent=3, ours=0,
    reason="HubDestroyed empties the queue of callbacks. Each of them holds a reference to the loop, which gevent does not "
    "give back: the loop never ends by itself again.",
    avoided_by="`destroy_hub` gives gevent's references back",
)
def references_of_forgotten_callbacks(core):
    def fails():
        raise HubDestroyed(True)

    with new_loop(core) as loop:
        loop.run_callback(fails)
        for _ in range(3):
            loop.run_callback(int)
        loop.run(nowait=True)
        return loop.activecnt


@difference(
    gevent=1, ours=3,
    reason="gevent stops a watcher that is not active when its callback returns. An event that the callback has fed to it "
    "is lost.",
    avoided_by="`do_feed` feeds no watcher whose callback runs",
)
def event_fed_to_itself(core):
    count = 0
    with new_loop(core) as loop:
        timer = loop.timer(1000)

        def callback():
            nonlocal count
            count += 1
            if count < 3:
                timer.feed(256, callback)

        timer.feed(256, callback)
        for _ in range(5):
            loop.run(nowait=True)
    return count


@difference(
    gevent=[1], ours=[1, 2],
    reason="The same, without a feed: the call of a one-shot timer is parked in a greenlet, the timer is started again and "
    "expires. If the parked call returns before that event is delivered, gevent drops the event.",
    avoided_by="`do_start` starts a timer only once",
)
def timer_restarted_while_a_call_is_parked(core):
    calls, main = [], getcurrent()
    with new_loop(core) as loop:
        timer, first = loop.timer(0), loop.timer(0, priority=2)

        def callback():
            calls.append(len(calls) + 1)
            if len(calls) == 1:
                main.switch()

        timer.start(callback)
        parked = greenlet(loop.run)
        parked.switch()
        timer.start(callback)

        def resume():
            # The timer's event is pending by now.
            parked.parent = getcurrent()
            parked.switch()

        first.start(resume)
        while first.active:
            greenlet(lambda: loop.run(nowait=True)).switch()
        loop.run(nowait=True)
        return calls


@difference(
    gevent="the old time", ours="the new time",
    reason="A timer that is started in a queued callback counts from the time of its start. gevent forgets that queued "
    "callbacks run as soon as one of them has run the loop: then it counts from the time when the loop last looked.",
    avoided_by="`do_start` says whether to update the time if more than one run is under way",
)
def clock_after_a_nested_run(core):
    seen = []

    def callback():
        loop.run(nowait=True)
        before, after = loop.timer(0), loop.timer(0)
        before.start(int)
        time.sleep(0.01)
        after.start(int)
        seen.append("the new time" if after.at > before.at + 0.005 else "the old time")

    with new_loop(core) as loop:
        loop.run_callback(callback)
        loop.run(nowait=True)
    return seen[0]


@difference(
    gevent=(False, False), ours=(False, True),
    reason="A timer without a repeat time is stopped by `again`. gevent keeps the callback, which is never called, and a "
    "reference to the watcher.",
    avoided_by="`do_again` is for timers that repeat",
)
def again_without_repeat(core):
    with new_loop(core) as loop:
        timer = loop.timer(0.1)
        timer.again(int)
        seen = timer.active, timer.callback is None
        timer.stop()
    return seen


@difference(
    gevent="changed", ours="AttributeError",
    reason="libev keeps a pending event by the watcher's priority, so the priority of a pending watcher must not change. "
    "gevent refuses it for active watchers only.",
    avoided_by="`do_priority` and `do_events` ask `may_change`",
)
def priority_of_a_pending_watcher(core):
    with new_loop(core) as loop:
        timer = loop.timer(1000)
        timer.feed(256, int)
        try:
            timer.priority = 1
        except AttributeError as error:
            return type(error).__name__
        # Back, before libev looks.
        timer.priority = 0
        return "changed"


@difference(
    gevent="it ran", ours="RuntimeError",
    reason="gevent runs a loop in any thread, with what follows from two threads in one loop. Here a loop belongs to its "
    "thread; only run_callback_threadsafe, run_callback, async_.send, destroy and what describes the loop may be used "
    "elsewhere.",
    avoided_by="the programs have one thread",
)
def loop_of_another_thread(core):
    seen = []

    def use():
        try:
            loop.run(nowait=True)
            seen.append("it ran")
        except RuntimeError as error:
            seen.append(type(error).__name__)

    with new_loop(core) as loop:
        thread = Thread(target=use)
        thread.start()
        thread.join()
    return seen[0]
