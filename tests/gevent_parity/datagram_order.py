"""Datagrams are handled whole and in their order, empty ones too; of long ones the beginning is."""

import gevent
from gevent import socket
from gevent.server import DatagramServer

from common import flag

got = []


def handle(data, address):
    print(f"{len(data)} bytes, from the client: {flag(address == client.getsockname())}")
    got.append(data)


client = socket.socket(type=socket.SOCK_DGRAM)
client.bind(("127.0.0.1", 0))
for label, spawn in [("greenlets", gevent.spawn), ("raw", gevent.spawn_raw), ("pool", 1), ("hub", None)]:
    print(f"{label}:")
    got.clear()
    server = DatagramServer(("127.0.0.1", 0), handle, spawn=spawn)
    server.start()
    for size in [3, 0, 8192, 10000, 1]:
        client.sendto(b"x" * size, ("127.0.0.1", server.server_port))
    while len(got) < 5:
        gevent.sleep(0.001)
    server.stop()
