"""Answers to HEAD, of a handler that sends no body then."""

from common_wsgi import ask, serve


def application(env, start_response):
    found = env["PATH_INFO"] != "/none"
    length = [("Content-Length", "5")] if env["PATH_INFO"] == "/declared" else []
    start_response("200 OK" if found else "404 Not Found", [("Content-Type", "text/plain"), *length])
    return [] if env["REQUEST_METHOD"] == "HEAD" else [b"hello"]


server = serve(application)
for path in ["/declared", "/", "/none"]:
    for version in ["1.1", "1.0"]:
        for method in ["HEAD", "GET"]:
            ask(server, f"{method} {path}, HTTP/{version}", f"{method} {path} HTTP/{version}\r\nHost: a\r\n\r\n".encode())
head, get = [f"{method} /declared HTTP/1.1\r\nHost: a\r\n\r\n".encode() for method in ["HEAD", "GET"]]
ask(server, "both, twice", (head + get) * 2)
server.stop()
