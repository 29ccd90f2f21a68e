"""What is sent arrives, in pieces of any size, and both ends know what they have agreed on."""

import gevent
from gevent import ssl

from common import flag
from common_ssl import client_context, connected, file

near, far = connected()
for what, end in [("client", near), ("server", far)]:
    certificate = end.getpeercert(True)
    known = certificate is not None and ssl.DER_cert_to_PEM_cert(certificate) == open(file("localhost.crt")).read()
    print(f"{what}: {end.version()}, {end.server_hostname}, {end.selected_alpn_protocol()}, certificate: {flag(known)}")

near.sendall(b"hello people")
print(far.recv(5).decode(), far.pending())
print(far.recv(100).decode(), far.pending())
far.sendall(b"")
far.sendall(b"ok")
print(near.recv(100).decode())


def upper(end):
    while data := end.recv(1000):
        end.sendall(data.upper())
    end.unwrap()


echoing = gevent.spawn(upper, far)
for size in [1, 16384, 16385, 100000]:
    data = bytes(97 + i % 26 for i in range(size))
    sending = gevent.spawn(near.sendall, data)
    got = b""
    while len(got) < size:
        got += near.recv(5000)
    sending.get()
    print(f"{size}: {flag(got == data.upper())}")
near.unwrap()
echoing.get()

for name in ["127.0.0.1", "localhost"]:
    context = client_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    near, far = connected(context, name=name)
    print(f"{name}: {near.version()}, {far.version()}, {near.server_hostname}")
