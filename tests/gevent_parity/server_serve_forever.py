"""serve_forever starts the server, and ends when it is stopped; what ends the call stops the server."""

import gevent
from gevent import socket
from gevent.server import StreamServer

from common import flag, name


class Server(StreamServer):
    def handle(self, client, address):
        client.sendall(b"x")
        self.close()


def serve():
    try:
        server.serve_forever()
        print("it has ended")
    except BaseException as error:
        print(f"ended by {name(error)}, started: {flag(server.started)}, closed: {flag(server.closed)}")


server = Server(("127.0.0.1", 0))
serving = gevent.spawn(serve)
gevent.sleep(0)
print(f"started: {flag(server.started)}")
server.stop()
serving.join()

server.start()
serving = gevent.spawn(serve)
gevent.sleep(0)
server.close()
serving.join()

serving = gevent.spawn(serve)
gevent.sleep(0)
serving.kill()

serving = gevent.spawn(serve)
gevent.sleep(0)
client = socket.create_connection(("127.0.0.1", server.server_port))
print(f"{len(client.recv(10))} bytes")
serving.join()

with gevent.Timeout(0.01, False):
    server.serve_forever()
print(f"started: {flag(server.started)}")
