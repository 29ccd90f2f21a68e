"""A connection that becomes something else: the handler has the bytes of both directions."""

from common_wsgi import ask, serve


def application(env, start_response):
    upgrade = env.get("HTTP_UPGRADE")
    if upgrade is None:
        start_response("426 Upgrade Required", [("Upgrade", "websocket"), ("Content-Length", "0")])
        return []
    write = start_response("101 Switching Protocols", [("Upgrade", upgrade), ("Connection", "Upgrade")])
    write(b"")
    stream = env["wsgi.input"]
    write(b"hello\n")
    while line := stream.readline():
        write(b"got " + line)
    write(b"bye\n")
    return []


server = serve(application)
head = b"GET /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
websocket = head + b"Upgrade: websocket\r\n\r\n"
ask(server, "nothing follows", websocket)
ask(server, "lines follow", websocket + b"one\ntwo\nthree\n")
ask(server, "what looks like a request", websocket + head + b"\r\n")
ask(server, "no upgrade", b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n" + b"GET /x HTTP/1.0\r\n\r\n")
server.stop()
