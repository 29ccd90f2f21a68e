"""The bytes of answers whose bodies come in parts."""

from common_wsgi import ask, serve


def application(env, start_response):
    path = env["PATH_INFO"]
    headers = [("Content-Length", "12")] if path == "/declared" else [("Content-Type", "text/plain")]
    start_response("200 OK", headers)
    if path == "/nothing":
        yield b""
        return
    yield b"hello"
    yield b""
    yield b" "
    yield b"people" if path == "/declared" else b"x" * 20


server = serve(application)
for path in ["/", "/declared", "/nothing"]:
    for version in ["1.1", "1.0"]:
        ask(server, f"{path}, HTTP/{version}", f"GET {path} HTTP/{version}\r\nHost: a\r\n\r\n".encode())
server.stop()
