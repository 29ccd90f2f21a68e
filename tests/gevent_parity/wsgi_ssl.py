"""The bytes of answers over TLS are those of answers without it; the scheme is another one."""

from common_ssl import client_context, server_context
from common_wsgi import connect, everything, serve, show


def application(env, start_response):
    path = env["PATH_INFO"]
    if path == "/parts":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return iter([b"hello", b" ", b"world"])
    read = env["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [env["wsgi.url_scheme"].encode(), b"://", env["HTTP_HOST"].encode(), path.encode(), b" ", read]


def ask(what, request):
    print(f"{what}:")
    context = client_context()
    context.set_alpn_protocols(["http/1.1"])
    stream = context.wrap_socket(connect(server), server_hostname="localhost")
    print(f"  {stream.version()}, {stream.selected_alpn_protocol()}")
    stream.sendall(request)
    show(everything(stream))


context = server_context()
context.set_alpn_protocols(["http/1.1"])
server = serve(application, ssl_context=context)
get = b"GET %s HTTP/%s\r\nHost: localhost\r\n\r\n"
ask("HTTP/1.0", get % (b"/a", b"1.0"))
ask("parts", get % (b"/parts", b"1.0"))
ask("several", get % (b"/1", b"1.1") + get % (b"/parts", b"1.1") + get % (b"/3", b"1.0"))
post = b"POST /body HTTP/1.1\r\nHost: localhost\r\n"
ask("a body", post + b"Content-Length: 5\r\n\r\nhello" + get % (b"/2", b"1.0"))
ask("chunks", post + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n" + get % (b"/2", b"1.0"))
large = b"x" * 100000
ask("a large body", post + b"Content-Length: 100000\r\n\r\n" + large + get % (b"/2", b"1.0"))
ask("refused", b"GET / HTTP %\r\n\r\n")
server.stop()
