"""Clients that ask for permission to send a body."""

from common_wsgi import ask, serve


def application(env, start_response):
    if env["PATH_INFO"] == "/refused":
        start_response("417 Expectation Failed", [("Content-Length", "7")])
        return [b"failure"]
    text = env["wsgi.input"].read(1)
    text += env["wsgi.input"].read()
    start_response("200 OK", [("Content-Length", str(len(text)))])
    return [text]


server = serve(application)
request = b"PUT %s HTTP/1.1\r\nHost: a\r\nContent-Length: 7\r\nExpect: 100-continue\r\n\r\ntesting"
for path in [b"/", b"/refused"]:
    ask(server, path.decode(), request % path)
    ask(server, f"{path.decode()}, twice", (request % path) * 2)
server.stop()
