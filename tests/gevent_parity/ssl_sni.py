"""A server that has a certificate for each name, and learns the name that a client asks for."""

from gevent import ssl

from common_ssl import client_context, file, outcome, server_context, shaking

names = []
other = server_context("other")
other.set_alpn_protocols(["other"])


def choose(stream, name, context):
    names.append(name)
    if name == "other.example":
        stream.context = other


server = server_context()
server.sni_callback = choose
server.set_alpn_protocols(["localhost"])
certificates = {open(file(f"{name}.crt")).read(): name for name in ["localhost", "other"]}
for name in ["localhost", "other.example", "localhost", "another.example", "127.0.0.1"]:
    client = client_context()
    client.set_alpn_protocols(["other", "localhost"])
    near, far = shaking(client, server, name)
    print(f"{name}: {outcome(near)}, the server was asked for {', '.join(map(str, names))}")
    names.clear()
    print(f"  the server: {outcome(far)}")
    if outcome(near) == "done":
        certificate = ssl.DER_cert_to_PEM_cert(near.get().getpeercert(True))
        print(f"  {certificates[certificate]}, {near.get().selected_alpn_protocol()}")
