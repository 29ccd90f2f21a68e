"""Which error a look-up has: its number and its text."""

from gevent import socket


def try_it(*args):
    try:
        print(len(socket.getaddrinfo(*args)))
    except socket.gaierror as e:
        print("gaierror", e)


try_it("127.0.0.1", 80, 255)
try_it("127.0.0.1", 80, -1)
try_it("127.0.0.1", 80, 0, 77)
try_it("127.0.0.1", 80, 0, socket.SOCK_STREAM, 99)
try_it("127.0.0.1", 80, 0, 0, 0, 1 << 20)
try_it("127.0.0.1", 80, socket.AF_INET6)
try_it("127.0.0.1", "no-such-service")
try_it("localhost", "no-such-service")
try_it("127.0.0.1", "http", 0, 0, 0, socket.AI_NUMERICSERV)
try_it("name", 80, 0, 0, 0, socket.AI_NUMERICHOST)
try_it("1.2.3.400", 80, 0, 0, 0, socket.AI_NUMERICHOST)
try_it(None, None)
try:
    socket.getnameinfo(("name", 80), 0)
except socket.gaierror as e:
    print("gaierror", e)
try:
    socket.create_connection(("localhost", "no-such-service"))
except socket.gaierror as e:
    print("gaierror", e.errno)
