"""Runs programs of select_differential.rs with Python's own select, poll and selectors: a line in, a line out.

Descriptors have numbers from BASE on, the lowest that is free, and are printed as their distance from it.
"""

import fcntl
import os
import select
import selectors
import socket
import stat
import sys

BASE = 100
IN, OUT, NVAL = select.POLLIN, select.POLLOUT, select.POLLNVAL
ERRORS = select.POLLERR | select.POLLHUP


class Program:
    def __init__(self):
        self.fds = {}
        self.open = set()
        self.poll = select.poll()
        self.masks = {}
        self.selector = selectors.PollSelector()

    def end(self):
        for slot in list(self.open):
            os.close(self.fds[slot])

    def put(self, *pairs):
        shown = []
        for slot, low in pairs:
            fd = fcntl.fcntl(low, fcntl.F_DUPFD_CLOEXEC, BASE)
            os.close(low)
            os.set_blocking(fd, False)
            self.fds[slot] = fd
            self.open.add(slot)
            shown.append(str(fd - BASE))
        return " ".join(shown)

    def fd(self, slot):
        return self.fds.get(slot, -1)

    def close(self, slot):
        if slot not in self.open:
            return "none"
        self.open.remove(slot)
        if self.fds[slot] in self.selector.get_map():
            self.selector.unregister(self.fds[slot])
        os.close(self.fds[slot])
        return None

    def make(self, op, slot, other):
        for at in {slot, other}:
            self.close(at)
        if op == "pair":
            a, b = socket.socketpair()
            return self.put((slot, a.detach()), (other, b.detach()))
        if op == "pipe":
            r, w = os.pipe()
            return self.put((slot, r), (other, w))
        return self.put((slot, os.open("/dev/null", os.O_RDWR)))

    def select(self, timeout, words):
        lists = [[self.fd(slot) for slot in part.split()] for part in " ".join(words).split("/")]
        ready = select.select(*lists, timeout)
        if timeout and not any(ready):
            # In gevent it has waited, and for the loop the end of a connection makes it writable.
            ready = [], [fd for fd in lists[1] if self.is_over(fd)], []
        if timeout:
            # gevent's order is the loop's, if it has waited.
            ready = map(sorted, ready)
        return " / ".join(" ".join(str(fd - BASE) for fd in fds) for fds in ready)

    def is_over(self, fd):
        poll = select.poll()
        poll.register(fd, 0)
        return any(events & select.POLLHUP for _, events in poll.poll(0))

    def polled(self, timeout):
        found = []
        for fd, events in self.poll.poll(timeout * 1000):
            mask = self.masks[fd]
            if not events & NVAL:
                # An error or the end is both for gevent, and nothing else.
                events = (IN if events & (IN | ERRORS) else 0) | (OUT if events & (OUT | ERRORS) else 0)
                events &= mask
            if events:
                found.append((fd - BASE, events))
        return found

    def key(self, key):
        return f"{key.fd - BASE} {key.events} {key.data}"

    def run(self, op, slot, *words):
        if op in ("pair", "pipe", "file"):
            return self.make(op, slot, words[0])
        if op == "close":
            return self.close(slot)
        if op == "select":
            return self.select(float(slot), words)
        if op == "poll":
            return sorted(self.polled(float(slot)))
        if op == "selected":
            ready = self.selector.select(float(slot))
            return sorted((key.fd - BASE, events, key.data) for key, events in ready)
        if op == "map":
            return " ".join(str(fd - BASE) for fd in sorted(self.selector.get_map()))
        fd = self.fd(slot)
        if op == "poll_register":
            if fd < 0:
                return "bad"
            self.poll.register(fd, int(words[0]))
            self.masks[fd] = int(words[0])
            return None
        if op == "poll_unregister":
            if fd < 0:
                return "key"
            self.poll.unregister(fd)
            del self.masks[fd]
            return None
        if op == "unregister":
            return self.key(self.selector.unregister(fd))
        if op == "get_key":
            return self.key(self.selector.get_key(fd))
        if op in ("register", "modify"):
            if op == "register" and slot not in self.open:
                # Python would take a number that is closed.
                return "closed"
            return self.key(getattr(self.selector, op)(fd, int(words[0]), words[1]))
        if slot not in self.open:
            return "none"
        if op == "write":
            return os.write(fd, b"x" * int(words[0]))
        if op == "read":
            return len(os.read(fd, int(words[0])))
        if op == "shutdown":
            if not stat.S_ISSOCK(os.fstat(fd).st_mode):
                return "E88"
            sock = socket.socket(fileno=fd)
            try:
                return sock.shutdown(int(words[0]))
            finally:
                sock.detach()
        raise AssertionError(op)


def answer(program, line):
    try:
        return str(program.run(*line.split()))
    except OSError as ex:
        return f"E{ex.errno}"
    except KeyError:
        return "key"
    except ValueError:
        return "bad"


program = Program()
for line in sys.stdin:
    if line.strip() == "begin":
        program.end()
        program = Program()
    else:
        print(answer(program, line), flush=True)
