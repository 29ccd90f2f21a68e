"""Bodies that are written: before the head and after, empty parts, large ones, and what is returned besides."""

from common_wsgi import ask, serve


def application(env, start_response):
    path = env["PATH_INFO"]
    write = start_response("200 OK", [("Content-Length", "12")] if path == "/counted" else [])
    if path == "/counted":
        write(b"hello")
        write(b" people")
        return []
    if path == "/large":
        write(b"x" * 70000)
        write(b"y")
        return [b"z" * 16]
    if path == "/empty":
        write(b"")
        return []
    write(b"hello")
    write(b"")
    write(b" ")
    return [b"people", b"", b"!"] if path == "/more" else []


server = serve(application)
for path in ["/", "/counted", "/large", "/empty", "/more"]:
    for version in ["1.1", "1.0"]:
        ask(server, f"{path}, HTTP/{version}", f"GET {path} HTTP/{version}\r\nHost: a\r\n\r\n".encode())
server.stop()
