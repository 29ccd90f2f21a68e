"""A handler of a datagram that fails is reported, and the next one is called."""

import gevent
from gevent import socket
from gevent.server import DatagramServer

from common import report_errors

report_errors()
seen = []


def handle(data, address):
    seen.append(data)
    print(data.decode())
    if data.startswith(b"bad"):
        raise ValueError("on purpose")


client = socket.socket(type=socket.SOCK_DGRAM)
for label, spawn in [("greenlets", gevent.spawn), ("pool", 1), ("hub", None)]:
    print(f"{label}:")
    seen.clear()
    server = DatagramServer(("127.0.0.1", 0), handle, spawn=spawn)
    server.max_accept = 1
    server.start()
    for number, data in enumerate([b"good", b"bad 1", b"bad 2", b"fine"]):
        client.sendto(data, ("127.0.0.1", server.server_port))
        while len(seen) <= number:
            gevent.sleep(0.001)
        gevent.sleep(0.001)
    print(f"next delay: {server.delay:.2f}")
    server.stop()
