"""A server that is stopped gives its handlers time to answer, and kills those that do not."""

import gevent
from gevent.event import Event

from common import flag, name, report_errors
from common_wsgi import connect, everything, serve, show

report_errors()
begun, go_on = Event(), Event()


def application(env, start_response):
    begun.set()
    write = None
    try:
        if env["PATH_INFO"] == "/part":
            write = start_response("200 OK", [("Content-Length", "9")])
            write(b"part,")
        go_on.wait()
        print("handler: answers")
    except BaseException as error:
        print(f"handler: {name(error)}")
        raise
    if write is None:
        start_response("200 OK", [("Content-Length", "4")])
    return [b"late"]


def ask(path):
    begun.clear()
    go_on.clear()
    server = serve(application, spawn=10)
    client = connect(server)
    client.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
    begun.wait()
    return server, client


for path in ["/", "/part"]:
    print(f"{path}, in time:")
    server, client = ask(path)
    stopping = gevent.spawn(server.stop, timeout=100)
    gevent.sleep(0)
    print(f"started: {flag(server.started)}, stopped: {flag(stopping.ready())}")
    go_on.set()
    stopping.get()
    show(everything(client))

    print(f"{path}, too late:")
    server, client = ask(path)
    server.stop(timeout=0.01)
    print(f"started: {flag(server.started)}, in the pool: {len(server.pool)}")
    show(everything(client))
