"""What the scripts about HTTP servers share. The counterpart of common_wsgi.rs."""

from gevent import socket
from gevent.pywsgi import WSGIServer

from common_sockets import undisturbed


def serve(application):
    """Starts a server without logs."""
    undisturbed()
    server = WSGIServer(("127.0.0.1", 0), application, log=None, error_log=None)
    server.start()
    return server


def answer(server, request):
    """Everything that comes for these bytes, up to the end of the connection. Dates are left out."""
    with socket.create_connection(("127.0.0.1", server.server_port)) as client:
        client.sendall(request)
        client.shutdown(socket.SHUT_WR)
        got = b""
        while data := client.recv(65536):
            got += data
    lines = got.decode("latin-1").split("\r\n")
    return ["Date" if line.startswith("Date: ") else line for line in lines]


def ask(server, what, request):
    """Prints the answer, line by line."""
    print(f"{what}:")
    for line in answer(server, request):
        print(f"  |{line}|")


def status(server, what, request):
    """Prints the number of the status of the answer."""
    print(f"{what}: {answer(server, request)[0].split(' ')[1]}")
