"""Whether a connection goes on: by the version, and by what the client says of it."""

from common_wsgi import ask, serve, statuses


def application(env, start_response):
    if env["PATH_INFO"] == "/chunked":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return iter([b"hello\r\n"])
    start_response("200 OK", [("Content-Length", "7")])
    return [b"hello\r\n"]


server = serve(application)
for version in ["1.0", "1.1"]:
    for said in ["", "close", "keep-alive", "Keep-Alive", "CLOSE", "upgrade", "other"]:
        headers = f"Connection: {said}\r\n" if said else ""
        for path in ["/", "/chunked"] if version == "1.1" else ["/"]:
            request = f"GET {path} HTTP/{version}\r\nHost: a\r\n{headers}\r\n".encode()
            statuses(server, f"HTTP/{version}, {said or 'nothing'}, {path}", request * 3)
for said in ["keep-alive", "Keep-Alive", "close"]:
    ask(server, f"HTTP/1.0, {said}", f"GET / HTTP/1.0\r\nConnection: {said}\r\n\r\n".encode() * 2)
server.stop()
