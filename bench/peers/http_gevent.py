"""The server of http.rs, in Python: http_gevent.py ADDRESS [CERTIFICATE KEY]."""

import sys

import gevent
from gevent.pywsgi import WSGIServer


def application(environ, start_response):
    if environ["PATH_INFO"] == "/sleep":
        gevent.sleep(0.01)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Hello, world!"]


address, *identity = sys.argv[1:]
tls = dict(zip(("certfile", "keyfile"), identity))
with open("/dev/null", "w") as log:
    WSGIServer(address, application, backlog=4096, log=log, **tls).serve_forever()
