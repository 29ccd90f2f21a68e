"""Chunked bodies: sizes, extensions and trailers of all kinds, and clients that ask for permission."""

from common_wsgi import ask, serve


def application(env, start_response):
    body = env["wsgi.input"]
    read = body.read(3) + b"," + body.read() if env["PATH_INFO"] == "/parts" else body.read()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [read]


server = serve(application)
for path in [b"/", b"/parts"]:
    for what, body in [
        ("one chunk", b"5\r\nhello\r\n0\r\n\r\n"),
        ("several", b"1\r\nh\r\n4\r\nello\r\n6\r\n world\r\n0\r\n\r\n"),
        ("none", b"0\r\n\r\n"),
        ("sizes", b"A\r\n0123456789\r\na\r\n0123456789\r\n00001\r\nx\r\n000\r\n\r\n"),
        ("extensions", b'5;a=b\r\nhello\r\n1;a;b="c d";e\r\n \r\n5;\r\nworld\r\n0;last\r\n\r\n'),
        ("line ends", b"4\r\n\r\n\r\n\r\n2\r\n\r\n\r\n0\r\n\r\n"),
        ("trailers", b"5\r\nhello\r\n0\r\nA: b\r\nEmpty:\r\nX-Y: z, z\r\n\r\n"),
    ]:
        head = b"POST %s HTTP/1.1\r\nHost: a\r\n%sTransfer-Encoding: %s\r\n\r\n"
        last = b"GET / HTTP/1.0\r\n\r\n"
        ask(server, f"{path.decode()}, {what}", head % (path, b"", b"chunked") + body + last)
    ask(server, f"{path.decode()}, with permission", head % (path, b"Expect: 100-continue\r\n", b"Chunked") + body + last)
server.stop()
