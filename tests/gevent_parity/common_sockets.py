"""What the scripts about sockets share. The counterpart of common_sockets.rs."""

import errno

import gevent
from gevent import socket

from common import flag, name


def undisturbed():
    """Has no greenlet give way because it has run for long, which a busy machine would decide."""
    gevent.setswitchinterval(100)


def says(what, call):
    """Prints what comes of a call: its result or its error."""
    try:
        result = call()
    except BaseException as error:
        print(f"{what}: {why(error)}")
    else:
        print(f"{what}: {shown(result)}")


def waits(what, sock, call):
    """Has a greenlet make a call on a socket, and print what comes of it."""
    return gevent.spawn(says, what, lambda: call(sock))


def shown(result):
    if result is None:
        return "done"
    if isinstance(result, bool):
        return flag(result)
    if isinstance(result, bytes):
        return '"' + result.decode().replace("\n", "\\n") + '"'
    return str(result)


def why(error):
    """The name of an error: that of its number, `timed out`, or its type."""
    number = getattr(error, "errno", None)
    if number:
        return number_name(number)
    return "timed out" if isinstance(error, TimeoutError) else name(error)


def number_name(number):
    return errno.errorcode.get(number, str(number))


def listener():
    """A socket that listens at a port of its own."""
    # gevent's own create_server is Python's, which makes sockets that block, unless the module is patched.
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen(128)
    return server


def connection():
    """Both ends of a TCP connection: of the one that has connected, and of the one that was accepted."""
    with listener() as server:
        client = socket.create_connection(server.getsockname())
        return client, server.accept()[0]


def busy_listener():
    """A listener whose queue is full, so that nobody else gets an answer, and the one that fills it."""
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen(0)
    return server, socket.create_connection(server.getsockname())


def fill(sock):
    """Sends until there is no more room."""
    sock.setblocking(False)
    try:
        while True:
            sock.send(bytes(4096))
    except BlockingIOError:
        pass
    sock.setblocking(True)


def drain(sock):
    """Receives all that is there, and returns how much it was."""
    sock.setblocking(False)
    count = 0
    try:
        while data := sock.recv(65536):
            count += len(data)
    except BlockingIOError:
        pass
    sock.setblocking(True)
    return count
