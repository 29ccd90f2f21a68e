"""MSG_PEEK shows the data, which stay."""

import gevent
from gevent import socket
from gevent.socket import MSG_PEEK

from common_sockets import connection, says, undisturbed, waits

undisturbed()

client, server = connection()
peeker = waits("peek", server, lambda s: s.recv(10, MSG_PEEK))
gevent.sleep(0)
client.sendall(b"one")
peeker.join()
says("peek", lambda: server.recv(2, MSG_PEEK))
says("peek", lambda: server.recvfrom(10, MSG_PEEK)[0])
says("recv", lambda: server.recv(2))
says("peek", lambda: server.recv(10, MSG_PEEK))

# A peeker beside a reader.
copy = server.dup()
says("recv", lambda: server.recv(10))
peeker = waits("peek", copy, lambda s: s.recv(10, MSG_PEEK))
gevent.sleep(0)
client.sendall(b"two")
peeker.join()
reader = waits("recv", server, lambda s: s.recv(10))
reader.join()


def peek_beside(sock):
    reader = waits("recv", sock, lambda s: s.recv(10))
    gevent.sleep(0)
    try:
        return sock.recv(10, MSG_PEEK)
    finally:
        client.sendall(b"three")
        reader.join()


says("while another waits", lambda: peek_beside(server))
client.close()
says("the end", lambda: server.recv(10, MSG_PEEK))
says("the end", lambda: server.recv(10))
