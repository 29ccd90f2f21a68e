"""The protocol that is spoken over TLS: the first of the server's that the client has, too."""

from common_ssl import client_context, connected, server_context

for ours, theirs in [
    (["http/1.1"], ["http/1.1"]),
    (["http/1.1", "h2"], ["h2", "http/1.1"]),
    (["a", "b", "c"], ["d", "c", "b"]),
    (["h2"], []),
    ([], ["h2"]),
    ([], []),
]:
    client, server = client_context(), server_context()
    if ours:
        client.set_alpn_protocols(ours)
    if theirs:
        server.set_alpn_protocols(theirs)
    near, far = connected(client, server)
    print(f"{', '.join(ours)} and {', '.join(theirs)}: {near.selected_alpn_protocol()}, {far.selected_alpn_protocol()}")
