"""What the scripts about HTTP servers share. The counterpart of common_wsgi.rs."""

import re

from gevent import socket
from gevent.pywsgi import WSGIServer

from common_sockets import undisturbed


def serve(application, **settings):
    """Starts a server, without logs unless they are among the settings."""
    undisturbed()
    server = WSGIServer(("127.0.0.1", 0), application, **{"log": None, "error_log": None, **settings})
    server.start()
    return server


def connect(server):
    return socket.create_connection(("127.0.0.1", server.server_port))


def answer(server, request):
    """Everything that comes for these bytes, up to the end of the connection."""
    with connect(server) as client:
        client.sendall(request)
        client.shutdown(socket.SHUT_WR)
        return everything(client)


def everything(client):
    """The lines of all that comes up to the end of the connection. Dates are left out."""
    got = b""
    while data := client.recv(65536):
        got += data
    lines = got.decode("latin-1").split("\r\n")
    return ["Date" if line.startswith("Date: ") else line for line in lines]


def ask(server, what, request):
    """Prints the answer, line by line."""
    print(f"{what}:")
    show(answer(server, request))


def show(lines):
    """Prints the lines of an answer. Of long ones the beginning and the length are enough."""
    for line in lines:
        line = line.replace("\r", "\\r")
        print(f"  |{line}|" if len(line) < 100 else f"  |{line[:10]}..|, {len(line)} characters")


def exchange(client, request):
    """Sends a request, and returns the body of the answer, which has a length."""
    client.sendall(request)
    got = b""
    while b"\r\n\r\n" not in got:
        got += client.recv(65536)
    head, _, body = got.partition(b"\r\n\r\n")
    length = int(re.search(rb"Content-Length: (\d+)", head)[1])
    while len(body) < length:
        body += client.recv(65536)
    return body.decode()


def statuses(server, what, request):
    """Prints the number of the status of each answer."""
    lines = answer(server, request)
    print(f"{what}: {' '.join(line.split(' ')[1] for line in lines if line.startswith('HTTP/'))}")


def status(server, what, request):
    """Prints the number of the status of the answer."""
    print(f"{what}: {answer(server, request)[0].split(' ')[1]}")
