"""Clients whose handlers wait do not keep others from theirs, and answers come when their handlers end."""

import gevent
from gevent.event import Event

from common_wsgi import connect, exchange, serve

events = {path: Event() for path in ["/a", "/b", "/c"]}


def application(env, start_response):
    path = env["PATH_INFO"]
    print(f"{path} begins")
    if path in events:
        events[path].wait()
    print(f"{path} ends")
    start_response("200 OK", [("Content-Length", "2")])
    return [path.encode()]


def ask(name, client, path):
    body = exchange(client, f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    print(f"{name} has {body}")


server = serve(application)
idle = connect(server)
asking = {}
for path in events:
    asking[path] = gevent.spawn(ask, f"client {path[1:]}", connect(server), path)
    ask("another one", connect(server), "/d")
for path in ["/c", "/a", "/b"]:
    events[path].set()
    asking[path].join()
    ask("the idle one", idle, "/d")
server.stop()
