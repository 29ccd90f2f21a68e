"""Runs programs of python_differential.rs with Python's own sockets: a line in, a line out.

A line is an operation with its words. The answer is the value, or the error as a number (E98), as "timeout", or as
"bad" for an argument that cannot be.
"""

import array
import os
import socket
import sys

PREFIX = f"\0gevent-differential-py-{os.getpid()}-"
WAIT = 2.0
NULL = os.open(os.devnull, os.O_RDONLY)


class Program:
    def __init__(self):
        self.sockets = {}
        # How many have connected to a slot and are not accepted yet.
        self.came = {}

    def address(self, words):
        kind, rest = words[0], words[1:]
        if kind == "unix":
            return rest[0].replace("@", PREFIX)
        if kind == "path":
            return "x" * int(rest[0])
        if kind == "inet":
            return rest[0].strip("_"), int(rest[1])
        return self.sockets[rest[0]].getsockname()

    def connect(self, how, slot, words):
        done = how(self.address(words))
        if words[0] == "slot" and not done and self.has_come(slot, words[1]):
            self.came[words[1]] = self.came.get(words[1], 0) + 1
        return done

    def has_come(self, slot, to):
        connects = self.sockets[slot].type != socket.SOCK_DGRAM
        return connects and self.sockets[to].getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)

    def waits(self, slot, call):
        old = self.sockets[slot].gettimeout()
        set_timeout(self.sockets[slot], WAIT)
        try:
            return call()
        finally:
            set_timeout(self.sockets[slot], old)

    def put(self, slot, sock):
        self.sockets[slot] = sock
        self.came.pop(slot, None)

    def accept(self, slot, new):
        sock = self.sockets[slot]
        if self.came.get(slot):
            self.came[slot] -= 1
            connection, address = self.waits(slot, sock.accept)
        else:
            connection, address = sock.accept()
        was = connection.gettimeout()
        connection.settimeout(0)
        self.put(new, connection)
        return f"{shown(address)} {was}"

    def to_itself(self, slot, count, bufsize):
        sock = self.sockets[slot]
        if sock.type != socket.SOCK_DGRAM:
            # It would go to another one.
            return "none"
        sent = sock.sendto(b"e" * int(count), sock.getsockname())
        data, address = self.waits(slot, lambda: sock.recvfrom(int(bufsize)))
        return f"{sent} {len(data)} {address == sock.getsockname()}"

    def run(self, op, slot, *words):
        sockets = self.sockets
        if op in ("new", "pair"):
            # What was there is closed, also if there is nothing new.
            for at in [slot, *words[: op == "pair"]]:
                sockets.pop(at, None)
        if op == "new":
            self.put(slot, socket.socket(*map(int, words)))
            was = sockets[slot].gettimeout()
            sockets[slot].settimeout(0)
            return was
        if op == "pair":
            for at, sock in zip((slot, words[0]), socket.socketpair(*map(int, words[1:]))):
                self.put(at, sock)
            sockets[slot].settimeout(0)
            sockets[words[0]].settimeout(0)
            return None
        if slot not in sockets:
            return "none"
        if "slot" in words and words[-1] not in sockets:
            return "none"
        sock = sockets[slot]
        if op == "accept":
            return self.accept(slot, *words)
        if op == "bind":
            if words[0] == "slot" and sockets[words[1]].family != socket.AF_UNIX:
                # Another program may have the port by now.
                return "none"
            return sock.bind(self.address(words))
        if op == "connect":
            return self.connect(sock.connect, slot, words)
        if op == "connect_ex":
            return self.connect(sock.connect_ex, slot, words)
        if op == "send":
            return sock.send(b"s" * int(words[0]))
        if op == "sendall":
            return sock.sendall(b"a" * int(words[0]))
        if op == "sendto":
            return sock.sendto(b"t" * int(words[0]), self.address(words[1:]))
        if op == "to_itself":
            return self.to_itself(slot, *words)
        if op == "recv":
            if sock.fileno() < 0:
                # Also for no bytes, as in gevent.
                return "E9"
            return sock.recv(int(words[0]), int(words[1])).decode()
        if op == "recv_into":
            buf = bytearray(int(words[0]))
            return f"{sock.recv_into(buf)} {buf.rstrip(bytes(1)).decode()}"
        if op == "recvfrom":
            data, address = sock.recvfrom(int(words[0]), int(words[1]))
            return f"{data.decode()} {shown(address)}"
        if op in ("sendmsg", "sendmsg_to"):
            count, fds, flags = map(int, words[:3])
            ancdata = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [NULL] * fds))] if fds >= 0 else []
            address = self.address(words[3:]) if op == "sendmsg_to" else None
            return sock.sendmsg([b"m" * (count // 2), b"n" * (count - count // 2)], ancdata, flags, address)
        if op == "recvmsg":
            data, ancdata, flags, address = sock.recvmsg(*map(int, words))
            return f"{data.decode()} {received(ancdata)} {flags} {shown(address)}"
        if op == "recvmsg_into":
            bufs = [bytearray(int(words[0])), bytearray(2)]
            n, ancdata, flags, address = sock.recvmsg_into(bufs, *map(int, words[1:]))
            data = b"".join(bufs)[:n].decode()
            return f"{n} {data} {received(ancdata)} {flags} {shown(address)}"
        if op == "listen":
            return sock.listen(int(words[0]))
        if op in ("settimeout", "setblocking"):
            return set_timeout(sock, float(words[0]) if words else 0)
        if op == "gettimeout":
            return f"{sock.gettimeout()} {sock.getblocking()}"
        if op == "kind":
            return f"{sock.family + 0} {sock.type + 0} {sock.proto}"
        if op == "getsockopt":
            return sock.getsockopt(int(words[0]), int(words[1]))
        if op == "getsockopt_bytes":
            return sock.getsockopt(*map(int, words)).hex()
        if op == "setsockopt":
            return sock.setsockopt(*map(int, words))
        if op == "getsockname":
            return shown(sock.getsockname())
        if op == "getpeername":
            return shown(sock.getpeername())
        if op == "shutdown":
            return sock.shutdown(int(words[0]))
        if op == "dup":
            self.put(words[0], sock.dup())
            return sockets[words[0]].gettimeout()
        if op == "close":
            return sock.close()
        if op == "detach":
            fd = sock.detach()
            if fd < 0:
                # Ours is an error.
                return "E9"
            os.close(fd)
            return None
        if op == "fileno":
            return sock.fileno() >= 0
        raise AssertionError(op)


def set_timeout(sock, seconds):
    try:
        sock.settimeout(seconds)
    except OSError:
        # It is closed. It keeps the time nevertheless, and in gevent this is no error.
        pass


def received(ancdata):
    """What has come, by kind. Descriptors are closed."""
    kinds = []
    for level, kind, data in ancdata:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            fds = array.array("i", data)
            for fd in fds:
                os.close(fd)
            kinds.append(f"rights:{len(fds)}")
        elif (level, kind, len(data)) == (socket.SOL_SOCKET, socket.SCM_CREDENTIALS, 12):
            kinds.append("credentials")
        else:
            kinds.append(f"{level}:{kind}:{len(data)}")
    return "+".join(kinds)


def shown(address):
    if isinstance(address, bytes):
        address = address.decode()
    if not address:
        return repr(address)
    if isinstance(address, str):
        # The system has chosen a name that is not ours.
        return address.replace(PREFIX, "@") if PREFIX in address else "chosen"
    # The ports differ each time.
    return " ".join([address[0], str(address[1] != 0), *map(str, address[2:])])


def answer(program, line):
    try:
        return str(program.run(*line.split()))
    except TimeoutError as ex:
        return "timeout" if ex.errno is None else f"E{ex.errno}"
    except socket.gaierror:
        return "bad"
    except OSError as ex:
        return "bad" if ex.errno is None else f"E{ex.errno}"
    except (OverflowError, TypeError, ValueError):
        return "bad"


program = Program()
for line in sys.stdin:
    if line.strip() == "begin":
        for sock in program.sockets.values():
            sock.close()
        program = Program()
    else:
        print(answer(program, line), flush=True)
