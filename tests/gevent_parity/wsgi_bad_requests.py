"""The bytes of the answers to requests that are not served, and of those to bodies that are malformed."""

from common_wsgi import ask, serve


def application(env, start_response):
    path = env["PATH_INFO"]
    if path == "/unread":
        start_response("200 OK", [("Content-Length", "8")])
        return [b"not read"]
    if path == "/begun":
        write = start_response("200 OK", [("Content-Type", "text/plain")])
        write(b"begun")
        write(env["wsgi.input"].read())
        return []
    read = env["wsgi.input"].read()
    start_response("200 OK", [("Content-Length", str(len(read)))])
    return [read]


server = serve(application)
good = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
for what, request in [
    ("no version", b"GET / HTTP %\r\n\r\n"),
    ("version 2", b"GET / HTTP/2.0\r\n\r\n"),
    ("too many words", b"GET / / HTTP/1.1\r\n\r\n"),
    ("one word", b"GET\r\n\r\n"),
    ("a length that is no number", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: abc\r\n\r\n"),
    ("a negative length", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n"),
    ("a length of HEAD", b"HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n1"),
    ("a long line", b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n"),
]:
    ask(server, what, request)
    ask(server, f"{what}, behind another one", good + request)
for path in [b"/", b"/begun", b"/unread"]:
    post = b"POST %s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" % path
    for what, body in [
        ("good", b"5\r\nhello\r\n0\r\n\r\n"),
        ("no size", b"xyz\r\nhello\r\n0\r\n\r\n"),
        ("a longer chunk", b"5\r\nhello!\r\n0\r\n\r\n"),
        ("a wrong line end", b"5\r\nhello\r\n0\nx\r\n"),
        ("a wrong trailer", b"5\r\nhello\r\n0\r\nGET / HTTP/1.1\r\n\r\n"),
    ]:
        ask(server, f"{path.decode()}, {what}", post + body + good)
server.stop()
