"""Handlers that fail: the client is told, its connection ends, and the hub has the error."""

from gevent import GreenletExit

from common import report_errors
from common_wsgi import ask, serve

report_errors()


def application(env, start_response):
    path = env["PATH_INFO"]
    if path == "/":
        start_response("200 OK", [("Content-Length", "5")])
        return [b"hello"]
    if path == "/killed":
        raise GreenletExit
    if path != "/before":
        length = [("Content-Length", "10")] if path == "/counted" else []
        write = start_response("201 Created", [("Set-Cookie", "a=b"), *length])
        if path in ["/part", "/counted"]:
            write(b"part")
        elif path == "/complete":
            write(b"all")
            write(b"")
    raise ValueError("on purpose")


server = serve(application)
for path in ["/before", "/after", "/killed"]:
    for version in ["1.1", "1.0"]:
        ask(server, f"{path}, HTTP/{version}", f"GET {path} HTTP/{version}\r\nHost: a\r\n\r\n".encode())
for path in ["/part", "/counted", "/complete"]:
    ask(server, path, f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
good, bad = [f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode() for path in ["/", "/before"]]
ask(server, "among others", good + bad + good)
ask(server, "kept alive", b"GET /before HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + good)
ask(server, "a body is left", b"POST /before HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody" + good)
server.stop()
