"""Another application, also for connections that are open; the requests that are under way keep theirs."""

import gevent
from gevent.event import Event

from common_wsgi import connect, exchange, serve

begun, go_on = Event(), Event()


def answering(name):
    def application(env, start_response):
        if env["PATH_INFO"] == "/wait":
            begun.set()
            go_on.wait()
        text = f"{name}, {env['PATH_INFO']}".encode()
        start_response("200 OK", [("Content-Length", str(len(text)))])
        return [text]

    return application


def ask(client, path):
    return exchange(client, f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())


server = serve(answering("the first"))
old, waiting = connect(server), connect(server)
print(ask(old, "/"))
asking = gevent.spawn(ask, waiting, "/wait")
begun.wait()
server.application = answering("the second")
print(ask(old, "/"))
print(ask(connect(server), "/"))
go_on.set()
print(asking.get())
print(ask(waiting, "/"))
server.stop()
