"""The bytes of answers whose bodies are whole, to clients of both versions."""

from common_wsgi import ask, serve


def application(env, start_response):
    path = env["PATH_INFO"]
    if path == "/":
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"hello ", b"world"]
    if path == "/declared":
        start_response("201 Created", [("Content-Length", "5"), ("X", "y")])
        return [b"hello"]
    if path == "/none":
        start_response("204 No Content", [("X", "y")])
        return []
    if path == "/unchanged":
        start_response("304 Not Modified", [("ETag", '"a"')])
        return []
    if path == "/empty":
        start_response("200 Nothing", [])
        return []
    start_response("404 Not Found", [("Content-Type", "text/plain")])
    return [b"not found"]


server = serve(application)
for path in ["/", "/declared", "/none", "/unchanged", "/empty", "/other"]:
    ask(server, f"{path}, HTTP/1.1", f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    ask(server, f"{path}, HTTP/1.0", f"GET {path} HTTP/1.0\r\n\r\n".encode())
ask(server, "kept alive", b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
server.stop()
