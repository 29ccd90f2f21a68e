"""What the scripts about TLS share. The counterpart of common_ssl.rs."""

import os

import gevent
from gevent import socket, ssl

from common_sockets import undisturbed, why

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tls")


def file(name):
    return os.path.join(FOLDER, name)


def server_context(name="localhost"):
    """That of a server with one of the certificates: of `localhost` or of `other`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file(f"{name}.crt"), file(f"{name}.key"))
    return context


def client_context():
    """That of a client that trusts the certificates."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(file("ca.crt"))
    return context


def connected(client=None, server=None, name="localhost"):
    """Both ends of a connection whose handshake is done. They take an end that was not said for an error."""
    return [side.get() for side in shaking(client, server, name)]


def shaking(client=None, server=None, name="localhost"):
    """The greenlets that do both sides of a handshake: a stream comes of each, or why it has failed."""
    undisturbed()
    near, far = socket.socketpair()
    return [
        gevent.spawn(wrap, client or client_context(), near, server_hostname=name),
        gevent.spawn(wrap, server or server_context(), far, server_side=True),
    ]


def wrap(context, end, **options):
    try:
        return context.wrap_socket(end, suppress_ragged_eofs=False, **options)
    except OSError as error:
        return reason(error)


def outcome(side):
    """What has come of one side of a handshake: `done`, or why it failed."""
    result = side.get()
    return result if isinstance(result, str) else "done"


def attempt(what, call):
    """Prints what comes of a call: its result, or why it has failed."""
    try:
        print(f"{what}: {call()}")
    except OSError as error:
        print(f"{what}: {reason(error)}")


def reason(error):
    """Why a call has failed. What is wrong with a certificate has a number."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{error.verify_code}, {error.verify_message.split(',')[0].lower()}"
    if isinstance(error, (ssl.SSLWantReadError, ssl.SSLWantWriteError)):
        return "would block"
    if isinstance(error, TimeoutError) or "timed out" in str(error):
        return "timed out"
    return type(error).__name__ if isinstance(error, ssl.SSLError) else why(error)
