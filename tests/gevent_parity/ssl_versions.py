"""The version of TLS that is spoken: the newest that both sides have, or none."""

from gevent import ssl

from common_ssl import client_context, outcome, server_context, shaking

OLD, NEW = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
for ours, theirs in [
    ((OLD, NEW), (OLD, NEW)),
    ((OLD, OLD), (OLD, NEW)),
    ((OLD, NEW), (OLD, OLD)),
    ((NEW, NEW), (OLD, NEW)),
    ((OLD, OLD), (NEW, NEW)),
    ((NEW, NEW), (OLD, OLD)),
]:
    client, server = client_context(), server_context()
    client.minimum_version, client.maximum_version = ours
    server.minimum_version, server.maximum_version = theirs
    near, far = shaking(client, server)
    shown = [" to ".join(version.name for version in versions) for versions in [ours, theirs]]
    print(f"client {shown[0]}, server {shown[1]}: {outcome(near)}, {outcome(far)}")
    if outcome(near) == "done":
        print(f"  {near.get().version()}, {far.get().version()}")
