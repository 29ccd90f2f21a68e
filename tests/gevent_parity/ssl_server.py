"""A server over TLS: each connection has its handshake in its own greenlet, and one that fails harms nobody."""

from gevent import socket
from gevent.server import StreamServer

from common import report_errors
from common_sockets import undisturbed
from common_ssl import attempt, client_context, server_context

report_errors()
undisturbed()


def handle(stream, address):
    line = stream.recv(100)
    stream.sendall(b"got " + line)
    stream.unwrap()


def ask(text):
    stream = client_context().wrap_socket(connect(), server_hostname="localhost")
    stream.sendall(text.encode())
    answer = stream.recv(100).decode()
    print(f"{answer}, and then {len(stream.recv(100))} bytes")
    stream.unwrap()


def connect():
    return socket.create_connection(("127.0.0.1", server.server_port))


server = StreamServer(("127.0.0.1", 0), handle, ssl_context=server_context())
server.start()
ask("one")
silent = connect()
ask("two")
wrong = connect()
wrong.sendall(b"GET / HTTP/1.1\r\n\r\n")
try:
    while wrong.recv(100):
        pass
except OSError:  # whether the end or the reset is seen
    pass
ask("three")
attempt("another name", lambda: client_context().wrap_socket(connect(), server_hostname="other.example"))
ask("four")
silent.close()
server.stop()
