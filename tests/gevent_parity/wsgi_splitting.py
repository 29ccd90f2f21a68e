"""Headers and a status that would be more than that."""

from common_wsgi import ask, serve

refused = []


def application(env, start_response):
    for what, status, headers in [
        ("name", "200 OK", [("Test\r\n", "Hi")]),
        ("value", "200 OK", [("Test", "Hi\r\nConnection: close")]),
        ("value with LF", "200 OK", [("Test", "Hi\nthere")]),
        ("status", "200 OK\r\nConnection: close", []),
    ]:
        try:
            start_response(status, headers)
        except ValueError:
            refused.append(what)
    start_response("200 OK", [("Test", "Hi")])
    return [", ".join(refused).encode()]


server = serve(application)
ask(server, "refused", b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
server.stop()
