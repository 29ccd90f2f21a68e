"""Random programs of what can be done to a loop, run on both loops in lockstep.

A program is a number. It says what features it has, and all that is drawn by chance: which step does what, and what a
callback does when it is called for the n-th time. After each step, both loops have to have called the same functions with
the same arguments in the same order, and all attributes have to be equal.
"""

import random
import socket
from collections import Counter

from gevent.exceptions import HubDestroyed
from greenlet import GreenletExit, getcurrent, greenlet

STEPS = 40
# So many calls of callbacks do something.
BUSY_CALLS = 200
PARKED = 6
KINDS = ["io", "io", "timer", "idle", "prepare", "check", "async_", "fork"]
# The first are done by steps and callbacks, the second by steps only.
COMMON = (
    "start start stop close ref callback callback stop_callback send again new set_callback set_args feed threadsafe"
).split()
OUTER = COMMON + (
    "new new start priority events nowait nowait nowait once full break_ closing_fd update_now "
    "spawn spawn spawn_full resume resume kill forget"
).split()


class Pairs:
    """The sockets that the io watchers of both loops watch."""

    def __init__(self):
        self.pairs = [socket.socketpair() for _ in range(3)]
        for pair in self.pairs:
            for end in pair:
                end.setblocking(False)

    def drain(self):
        for pair in self.pairs:
            for end in pair:
                try:
                    while end.recv(100):
                        pass
                except BlockingIOError:
                    pass


class Features:
    """How often a program does the less usual things."""

    def __init__(self, number):
        rnd = random.Random(f"features {number}")
        self.parks = rnd.choice([0, 0, 0.2, 0.4])
        self.fails = rnd.choice([0, 0.05, 0.2])
        self.destroys_hub = rnd.choice([0, 0, 0.03])
        self.passes_events = rnd.choice([0, 0.4])


class World:
    """A program on one loop."""

    def __init__(self, core, number, pairs, backend):
        self.core, self.number, self.pairs = core, number, pairs.pairs
        self.features = Features(number)
        self.loop = core.loop(backend, default=False)
        self.loop.error_handler = self
        self.watchers, self.callbacks, self.parked = [], [], []
        self.passing, self.repeats, self.started = set(), set(), set()
        # How many calls of each watcher are under way.
        self.calls = Counter()
        self.log, self.busy, self.depth = [], 0, 0
        self.main = getcurrent()

    # What is compared.

    def state(self):
        watchers = [
            (type(w).__name__, w.active, w.pending, w.callback is None, self.args(i), w.ref, w.priority, w._flags & 4)
            for i, w in enumerate(self.watchers)
        ]
        callbacks = [(bool(c), c.pending, c.args) for c in self.callbacks]
        loop = self.loop
        return watchers, callbacks, (loop.activecnt, loop.pendingcnt, loop.depth, loop.iteration)

    def args(self, index):
        """A watcher's arguments without the events, which change in gevent while the watcher's callback runs."""
        args = self.watchers[index].args
        return args[1:] if args and index in self.passing and args != (7,) else args

    def handle_error(self, context, type, value, tb):
        name = None
        for kind, objects in ("watcher", self.watchers), ("callback", self.callbacks):
            name = next(((kind, i) for i, known in enumerate(objects) if known is context), name)
        seen = None
        if name and name[0] == "callback":
            seen = bool(context), context.pending, context.args
        elif name:
            seen = context.active, context.pending, context.callback is None
        self.log.append(("error", name, type.__name__, str(value), seen))

    # What is done.

    def step(self, rnd):
        self.do(rnd, OUTER)

    def do(self, rnd, operations):
        name = rnd.choice(operations)
        try:
            result = getattr(self, f"do_{name}")(rnd)
        except (AttributeError, OSError, TypeError, ValueError) as error:
            result = type(error).__name__
        self.log.append((name, result))

    def called(self, key, *args):
        """What each callback calls."""
        index = key[1] if key[0] == "watcher" else None
        if index is not None:
            if index in self.passing and self.calls[index]:
                args = args[1:]
            self.calls[index] += 1
        self.log.append(("called", key, args))
        try:
            self.act(key)
        finally:
            self.calls[index] -= 1

    def act(self, key):
        self.busy += 1
        if self.busy > BUSY_CALLS:
            return
        rnd = random.Random(f"{self.number} {key} {self.busy}")
        for _ in range(rnd.choice([0, 0, 1, 1, 2, 3])):
            self.do(rnd, COMMON)
        if rnd.random() < self.features.parks and getcurrent() is not self.main and len(self.parked) < PARKED:
            self.parked.append(getcurrent())
            self.log.append(("parks", key))
            try:
                self.main.switch()
            except HubDestroyed:
                self.destroy_hub()
            self.log.append(("goes on", key))
        chance = rnd.random()
        if chance < self.features.fails:
            raise ValueError(f"{key} {self.busy}")
        if chance < self.features.fails + self.features.destroys_hub:
            self.destroy_hub()

    def destroy_hub(self):
        if hasattr(self.loop, "_callbacks"):
            # See `references_of_forgotten_callbacks`.
            for _ in self.loop._callbacks:
                self.loop.unref()
        raise HubDestroyed(None)

    def pick(self, rnd, kind=None):
        index = rnd.randrange(len(self.watchers)) if self.watchers else None
        if index is None or kind and type(self.watchers[index]).__name__ != kind:
            return None, None
        return index, self.watchers[index]

    def caller(self, index, *more):
        return lambda *args: self.called(("watcher", index, *more), *args)

    def do_new(self, rnd):
        kind, ref = rnd.choice(KINDS), rnd.random() < 0.7
        priority = rnd.choice([None, None, None, -2, -1, 1, 2])
        index, loop = len(self.watchers), self.loop
        if kind == "io":
            watcher = loop.io(self.pairs[rnd.randrange(3)][0].fileno(), rnd.choice([1, 2, 3]), ref=ref, priority=priority)
        elif kind == "timer":
            after, repeat = rnd.choice([0, 0, 1000]), rnd.choice([0, 0, 1000])
            self.repeats |= {index} if repeat else set()
            watcher = loop.timer(after, repeat=repeat, ref=ref, priority=priority)
        else:
            watcher = getattr(loop, kind)(ref=ref, priority=priority)
        self.watchers.append(watcher)
        return kind, ref, priority

    def do_start(self, rnd):
        index, watcher = self.pick(rnd)
        args, options = rnd.choice([(), (1,), (1, 2)]), {}
        passes, updates = rnd.random() < self.features.passes_events, rnd.choice([None, None, True, False])
        if watcher is None:
            return None
        kind = type(watcher).__name__
        if kind == "timer":
            if updates is not None or self.loop.depth > 1:
                # See `clock_after_a_nested_run`.
                options = {"update": bool(updates)}
            if not watcher.active:
                # libev keeps what is left of a timer's time, even if that is less than nothing. If timers started again,
                # the clock would say which of two fires first. See also `timer_restarted_while_a_call_is_parked`.
                if index in self.started:
                    return "not again"
                self.started.add(index)
        if kind == "io":
            if self.calls[index] and (passes or index in self.passing):
                return "not now"
            self.passing ^= self.passing & {index}
            if passes:
                options = {"pass_events": True}
                self.passing.add(index)
        watcher.start(self.caller(index), *args, **options)
        return index

    def do_again(self, rnd):
        index, watcher = self.pick(rnd, "timer")
        if watcher is None or index not in self.repeats:
            # See `again_without_repeat`.
            return None
        watcher.again(self.caller(index), "again", update=rnd.random() < 0.7)
        return index

    def do_stop(self, rnd):
        index, watcher = self.pick(rnd)
        return watcher and (watcher.stop(), index)

    def do_close(self, rnd):
        index, watcher = self.pick(rnd)
        return watcher and (watcher.close(), index)

    def do_feed(self, rnd):
        index, watcher = self.pick(rnd)
        if watcher is None or self.calls[index]:
            # See `event_fed_to_itself`.
            return None
        self.passing.discard(index)
        watcher.feed(rnd.choice([1, 2, 256]), self.caller(index), "fed")
        return index

    def do_send(self, rnd):
        index, watcher = self.pick(rnd, "async_")
        return watcher and (watcher.send(), index)

    def do_ref(self, rnd):
        index, watcher = self.pick(rnd)
        if watcher is not None:
            watcher.ref = rnd.random() < 0.5
        return index

    @staticmethod
    def may_change(watcher):
        """Both loops refuse it for active watchers. One that has a callback, but is not active, may have been fed."""
        return watcher.active or watcher.callback is None

    def do_priority(self, rnd):
        index, watcher = self.pick(rnd)
        if watcher is not None and self.may_change(watcher):
            # See `priority_of_a_pending_watcher`.
            watcher.priority = rnd.choice([-2, -1, 0, 1, 2])
        return index

    def do_events(self, rnd):
        index, watcher = self.pick(rnd, "io")
        if watcher is not None and self.may_change(watcher):
            before = watcher.priority
            watcher.events = rnd.choice([1, 2, 3])
            # See `lost_priority`.
            watcher.priority = before
        return index

    def do_set_callback(self, rnd):
        index, watcher = self.pick(rnd)
        if watcher is not None and watcher.active:
            watcher.callback = self.caller(index, "set")
        return index

    def do_set_args(self, rnd):
        index, watcher = self.pick(rnd)
        if watcher is not None and index not in self.passing:
            watcher.args = rnd.choice([None, (7,)])
        return index

    def do_callback(self, rnd, queue="run_callback"):
        index = len(self.callbacks)
        function = lambda *args: self.called(("callback", index), *args)
        self.callbacks.append(getattr(self.loop, queue)(function, *rnd.choice([(), (5,)])))
        return index

    def do_threadsafe(self, rnd):
        return self.do_callback(rnd, "run_callback_threadsafe")

    def do_stop_callback(self, rnd):
        if self.callbacks:
            rnd.choice(self.callbacks).stop()

    # What runs the loop.

    def run(self, **how):
        if self.depth > 3:
            return "too deep"
        self.depth += 1
        try:
            self.loop.run(**how)
        finally:
            self.depth -= 1
        return self.loop.depth

    def do_nowait(self, rnd):
        return self.run(nowait=True)

    def ticking(self, run, priority, rounds):
        """Runs the loop with a timer that fires in each round, so that the run does not wait for long. After some rounds,
        the timer breaks the run off. (It goes on firing: another run, in another greenlet, may be the one that ends.)"""
        timers = []

        def start(left):
            # Not the same timer again, see `do_start`.
            timers.append(self.loop.timer(0, priority=priority))
            timers[-1].start(tick, left, update=False)

        def tick(left):
            self.log.append(("tick", left))
            start(left - 1)
            if left <= 0:
                self.loop.break_(2)

        start(rounds)
        try:
            return run()
        finally:
            timers[-1].close()

    def do_once(self, rnd):
        return self.ticking(lambda: self.run(once=True), rnd.choice([-2, 0, 2]), 10)

    def full(self):
        return self.ticking(self.run, 0, 3)

    def do_full(self, rnd):
        return self.full()

    def do_break_(self, rnd):
        return self.loop.break_(rnd.choice([0, 1, 2]))

    def do_closing_fd(self, rnd):
        return self.loop.closing_fd(self.pairs[rnd.randrange(3)][0].fileno())

    def do_update_now(self, rnd):
        return self.loop.update_now()

    def enter(self, switch):
        """Switches to a greenlet that runs the loop, or is parked in a callback of it."""
        if getcurrent() is not self.main:
            return "not in the main greenlet"
        switch()
        return len(self.parked)

    def do_spawn(self, rnd):
        return self.enter(greenlet(lambda: (self.loop.run(nowait=True), self.log.append("ran"))[1]).switch)

    def do_spawn_full(self, rnd):
        return self.enter(greenlet(lambda: (self.full(), self.log.append("ran"))[1]).switch)

    def do_resume(self, rnd):
        if self.parked and getcurrent() is self.main:
            return self.enter(self.parked.pop(rnd.randrange(len(self.parked))).switch)

    def do_kill(self, rnd):
        if self.parked and getcurrent() is self.main:
            parked = self.parked.pop(rnd.randrange(len(self.parked)))
            error = rnd.choice([GreenletExit, ValueError, HubDestroyed])
            return self.enter(lambda: parked.throw(error("killed")))

    def do_forget(self, rnd):
        """Drops the last reference to a parked greenlet, which ends it."""
        if self.parked and getcurrent() is self.main:
            parked = self.parked.pop(rnd.randrange(len(self.parked)))
            del parked

    def end(self):
        while self.parked:
            self.parked.pop().switch()
        for watcher in self.watchers:
            watcher.close()
        self.loop.destroy()


def run(number, cores, pairs, backend=None):
    """Runs a program on both loops. Returns what is different, if anything: the step, and both logs from there."""
    pairs.drain()
    outer = random.Random(number)
    worlds = [World(core, number, pairs, backend) for core in cores]
    found = None
    for step in range(STEPS):
        chance = outer.random()
        if outer.random() < 0.2:
            pairs.pairs[outer.randrange(3)][1].send(b"x")
        for world in worlds:
            world.log.append(("step", step))
            world.step(random.Random(chance))
        logs, states = [world.log for world in worlds], [world.state() for world in worlds]
        if logs[0] != logs[1] or states[0] != states[1]:
            found = describe(step, logs, states)
            break
    for world in worlds:
        world.end()
    return found


def describe(step, logs, states):
    both = zip(*logs)
    same = next((i for i, (a, b) in enumerate(both) if a != b), min(map(len, logs)))
    lines = [f"step {step}, after {logs[0][max(0, same - 12):same]}"]
    for name, log in zip(("gevent", "rust"), logs):
        lines.append(f"{name}: {log[same:same + 4]}")
    if logs[0] == logs[1]:
        for part in range(3):
            for a, b in zip(*(state[part] for state in states)):
                if a != b:
                    lines += [f"gevent: {a}", f"rust:   {b}"]
    return "\n    ".join(lines)
