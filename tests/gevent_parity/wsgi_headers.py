"""The headers of answers, as the handler has set them: their order, their names, and those that the server knows."""

from common_wsgi import ask, serve

ANSWERS = {
    "/none": ("200 OK", []),
    "/several": ("200 OK", [("X-B", "1"), ("Set-Cookie", "a=b"), ("x-a", "2"), ("Set-Cookie", "c=d"), ("X-B", "3")]),
    "/values": ("200 OK", [("Empty", ""), ("Blanks", "a  b"), ("Latin", "caf\xe9"), ("Colon", "a: b")]),
    "/length": ("200 OK", [("content-LENGTH", "5"), ("X", "y")]),
    "/closed": ("200 OK", [("X", "y"), ("Connection", "close")]),
    "/reason": ("299 Quite fine, thank you", []),
    "/known": ("418 I'm a teapot", [("Content-Type", "text/plain")]),
    "/empty": ("200 ", []),
}


def application(env, start_response):
    start_response(*ANSWERS[env["PATH_INFO"]])
    return [b"hello"]


server = serve(application)
for path in ANSWERS:
    ask(server, path, f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    keep = "Connection: keep-alive\r\n"
    ask(server, f"{path}, HTTP/1.0", f"GET {path} HTTP/1.0\r\n{keep}\r\nGET /none HTTP/1.0\r\n\r\n".encode())
server.stop()
