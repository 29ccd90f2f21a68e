"""The ways to read a body: as a whole, so many bytes, lines, and one after the other."""

from common_wsgi import ask, serve


def application(env, start_response):
    body = env["wsgi.input"]
    reads = {
        "/all": lambda: [body.read(), body.read(), body.readline()],
        "/some": lambda: [body.read(0), body.read(4), body.read(1), body.read(100), body.read(1)],
        "/line": lambda: [body.readline(), body.readline(), body.read(2), body.readline(), body.read()],
        "/short-line": lambda: [body.readline(3), body.readline(100), body.readline(1), body.read()],
        "/lines": lambda: [body.read(2), *body.readlines(), body.readline()],
        "/iterated": lambda: [*body, body.read()],
        "/negative": lambda: [body.readline(-1), body.read(-1)],
    }
    read = b"|".join(reads[env["PATH_INFO"]]())
    start_response("200 OK", [("Content-Length", str(len(read)))])
    return [read.replace(b"\n", b"/")]


server = serve(application)
last = b"GET /all HTTP/1.0\r\n\r\n"
chunked = b"Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n5\r\n\ntwo\n\r\n1\r\n\n\r\n5\r\nthree\r\n0\r\n\r\n"
for path in [b"/all", b"/some", b"/line", b"/short-line", b"/lines", b"/iterated", b"/negative"]:
    for what, body in [
        ("counted", b"Content-Length: 14\r\n\r\none\ntwo\n\nthree"),
        ("chunked", chunked),
        ("empty", b"Content-Length: 0\r\n\r\n"),
        ("none", b"\r\n"),
    ]:
        ask(server, f"{path.decode()}, {what}", b"POST %s HTTP/1.1\r\nHost: a\r\n%s%s" % (path, body, last))
server.stop()
