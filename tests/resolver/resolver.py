"""Looks up what resolver.rs asks for, with Python's own socket: a line in, a line out.

A line has a function and its arguments, between tabs; "-" is None. The answer is the value, or the error with its
number and its text.
"""

import socket
import sys


def number(word):
    return None if word == "-" else int(word)


def port_of(word):
    if word == "-":
        return None
    kind, rest = word[0], word[1:]
    return int(rest) if kind == "#" else rest


def shown(found):
    family, kind, proto, name, (host, port, *rest) = found
    rest = rest or [0, 0]
    return " ".join(map(str, [int(family), int(kind), proto, f"<{name}>", host, port, *rest]))


def entry(found):
    name, aliases, addresses = found
    return f"{name} [{' '.join(aliases)}] [{' '.join(addresses)}]"


def run(function, *words):
    if function == "getaddrinfo":
        host, port, *numbers = words
        host = None if host == "-" else host
        found = socket.getaddrinfo(host, port_of(port), *map(int, numbers))
        return "; ".join(map(shown, found))
    if function == "getnameinfo":
        host, port, flow, scope, flags = words
        address = (host, int(port))
        if ":" in host and flow != "-":
            address = (host, int(port), int(flow), int(scope))
        return " ".join(socket.getnameinfo(address, int(flags)))
    if function == "gethostbyname":
        return socket.gethostbyname(*words)
    if function in ("gethostbyname_ex", "gethostbyaddr"):
        return entry(getattr(socket, function)(*words))
    return getattr(socket, function)(*words)


for line in sys.stdin:
    try:
        answer = run(*line.rstrip("\n").split("\t"))
    except (socket.gaierror, socket.herror) as ex:
        answer = f"{type(ex).__name__} {ex} {ex.errno}"
    except OSError as ex:
        answer = f"OSError {ex.errno}"
    print(answer, flush=True)
