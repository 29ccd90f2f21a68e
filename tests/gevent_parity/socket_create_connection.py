"""create_connection tries one address after the other."""

import gevent
from gevent import Timeout, socket
from gevent.socket import AF_INET, SOCK_STREAM, create_connection

from common import flag, name
from common_sockets import busy_listener, listener, says, undisturbed, why

undisturbed()


def at(*addresses):
    """Has every name mean these addresses."""
    gevent.socket.getaddrinfo = lambda *_: [(AF_INET, SOCK_STREAM, 6, "", address) for address in addresses]


def unused():
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    return sock


server, other, nobody, nobody_too = listener(), listener(), unused(), unused()
busy, _client = busy_listener()

at(nobody.getsockname(), server.getsockname())
client = create_connection(("name", 80))
print("second:", flag(client.getpeername() == server.getsockname()), client.gettimeout())
server.accept()

at(server.getsockname(), other.getsockname())
client = create_connection(("name", 80), timeout=100)
print("first:", flag(client.getpeername() == server.getsockname()), client.gettimeout())
other.setblocking(False)
says("not the other one", lambda: other.accept())

at(nobody.getsockname(), nobody_too.getsockname())
says("none", lambda: create_connection(("name", 80)))

at(busy.getsockname(), server.getsockname())
client = create_connection(("name", 80), timeout=0.001)
print("too slow:", flag(client.getpeername() == server.getsockname()))
at(nobody.getsockname(), busy.getsockname())
says("the last one's error", lambda: create_connection(("name", 80), timeout=0.001))
at(busy.getsockname(), nobody.getsockname())
says("the last one's error", lambda: create_connection(("name", 80), timeout=0.001))

# What is thrown ends it.
at(busy.getsockname(), other.getsockname())
connecting = gevent.spawn(says, "killed", lambda: create_connection(("name", 80)))
gevent.sleep(0)
connecting.kill()
try:
    with Timeout(0.001):
        create_connection(("name", 80))
except Timeout as error:
    print("timeout:", name(error))
says("not tried", lambda: other.accept())

# From an address.
at(server.getsockname())
client = create_connection(("name", 80), source_address=("127.0.0.1", 0))
print("from:", client.getsockname()[0])
kept = listener()
try:
    create_connection(("name", 80), source_address=kept.getsockname())
except OSError as error:
    print("from:", why(error))
