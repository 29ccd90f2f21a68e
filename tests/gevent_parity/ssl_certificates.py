"""Certificates that are wrong, or missing: what the client says of them, and what the server learns."""

from gevent import ssl

from common import flag
from common_ssl import attempt, client_context, file, outcome, server_context, shaking


def show(what, client, server=None, name="localhost"):
    near, far = shaking(client, server, name)
    print(f"{what}: client: {outcome(near)}, server: {outcome(far)}")
    return far.get()


for version in [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]:
    print(f"{version.name}:")

    def client():
        context = client_context()
        context.maximum_version = version
        return context

    def distrusting():
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.maximum_version = version
        return context

    show("good", client())
    show("an address", client(), name="127.0.0.1")
    show("another name", client(), name="other.example")
    show("another server", client(), server_context("other"))
    show("nobody is trusted", distrusting())
    context = distrusting()
    context.check_hostname = False
    show("any name, nobody is trusted", context, name="other.example")
    context.verify_mode = ssl.CERT_NONE
    show("any name, all are trusted", context, name="other.example")
    context = client()
    context.check_hostname = False
    show("any name", context, name="other.example")

    server = server_context()
    server.load_verify_locations(file("ca.crt"))
    for mode in [ssl.CERT_OPTIONAL, ssl.CERT_REQUIRED]:
        server.verify_mode = mode
        near, far = shaking(client(), server)
        print(f"{mode.name}, the client has none: {outcome(far)}")
        if mode == ssl.CERT_REQUIRED:
            # In TLS 1.3 its handshake is done before the server has seen that there is none.
            attempt("  the client", lambda: near.get().recv(1) if outcome(near) == "done" else outcome(near))
        context = client()
        context.load_cert_chain(file("other.crt"), file("other.key"))
        far = show(f"{mode.name}, the client has one", context, server)
        theirs = ssl.DER_cert_to_PEM_cert(far.getpeercert(True))
        print(f"  it is the one: {flag(theirs == open(file('other.crt')).read())}")
