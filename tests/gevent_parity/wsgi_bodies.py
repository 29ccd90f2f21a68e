"""Bodies of requests, counted and chunked, that are read as a whole, in parts, or not at all."""

from common_wsgi import ask, serve

HEAD = b" HTTP/1.1\r\nHost: a\r\n"


def application(env, start_response):
    body, path = env["wsgi.input"], env["PATH_INFO"]
    if path == "/all":
        read = body.read()
    elif path == "/lines":
        read = b"|".join(body)
    elif path == "/three":
        read = body.read(3)
    else:
        read = b"not read"
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [read]


server = serve(application)
counted = b"Content-Length: 11\r\n\r\nhello\npeople"[:-1]
chunked = b"Transfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n6\r\n\npeopl\r\n0\r\nTrailer: x\r\n\r\n"
for path in [b"/all", b"/lines", b"/three", b"/none"]:
    for what, body in [("counted", counted), ("chunked", chunked), ("none", b"\r\n")]:
        # What follows shows where the server takes the end to be.
        ask(server, f"{path.decode()}, {what}", b"POST " + path + HEAD + body + b"GET /none HTTP/1.0\r\n\r\n")
server.stop()
