"""Requests that come in one piece are answered in their order, up to one that is the last."""

from common_wsgi import ask, serve


def application(env, start_response):
    read = env["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [env["REQUEST_METHOD"].encode(), b" ", env["PATH_INFO"].encode(), b" ", read, b"\r\n"]


def request(path, version="1.1", headers="", body=""):
    if body:
        headers += f"Content-Length: {len(body)}\r\n"
    return f"{'POST' if body else 'GET'} {path} HTTP/{version}\r\nHost: a\r\n{headers}\r\n{body}".encode()


server = serve(application)
ask(server, "three", request("/1") + request("/2") + request("/3"))
ask(server, "bodies between", request("/1", body="one") + request("/2", body="two\r\n") + request("/3"))
ask(server, "the last one is of HTTP/1.0", request("/1") + request("/2", "1.0") + request("/3"))
keep = "Connection: keep-alive\r\n"
ask(server, "HTTP/1.0, kept alive", request("/1", "1.0", keep, "one") + request("/2", "1.0", keep) + request("/3", "1.0"))
ask(server, "one that is refused", request("/1") + b"GET / HTTP %\r\n\r\n" + request("/3"))
server.stop()
