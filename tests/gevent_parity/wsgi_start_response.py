"""Answers that are begun several times: the last beginning counts, as long as nothing was sent."""

import sys

from common import name, report_errors
from common_wsgi import ask, serve

report_errors()


def application(env, start_response):
    path = env["PATH_INFO"]
    write = start_response("200 OK", [("Content-Type", "text/html"), ("Set-Cookie", "a=b"), ("Content-Length", "99")])
    if path == "/twice":
        start_response("202 Accepted", [("Content-Type", "text/plain")])
        return [b"accepted"]
    if path == "/refused":
        for status, headers in [("200 OK", [("X", "a\r\nb")]), ("200 O\nK", []), ("none", [])]:
            try:
                start_response(status, headers)
            except ValueError:
                print("refused")
        start_response("200 OK", [("Content-Length", "4")])
        return [b"fine"]
    if path == "/begun":
        write(b"a part")
    try:
        raise ValueError("on purpose")
    except ValueError:
        exc_info = sys.exc_info()
    try:
        start_response("500 Oh no", [("Content-Type", "text/plain")], exc_info)
    except Exception as error:
        print(f"too late: {name(error)}")
        raise
    return [b"an error\r\n"]


server = serve(application)
for path in ["/twice", "/refused", "/failed", "/begun"]:
    get = f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    ask(server, path, get + b"GET /twice HTTP/1.0\r\n\r\n")
server.stop()
