"""A chat server: the first line of a client is its name, the others go to everybody, and /quit ends it."""

import sys

import gevent
from gevent.queue import Queue
from gevent.server import StreamServer

clients = {}


def broadcast(text):
    for queue in clients.values():
        queue.put(text)


def write(sock, queue):
    for text in queue:
        sock.sendall(text.encode() + b"\n")


def chat(name, lines):
    for line in lines:
        line = line.strip()
        if line == "/quit":
            return
        if line == "/who":
            clients[name].put("here: " + " ".join(sorted(clients)))
        elif line:
            broadcast(f"{name}: {line}")


def handle(sock, address):
    lines = sock.makefile("r")
    name = lines.readline().strip()
    if not name or name in clients:
        sock.sendall(b"this name is taken\n")
        return
    queue = clients[name] = Queue()
    writer = gevent.spawn(write, sock, queue)
    broadcast(f"* {name} has come")
    try:
        chat(name, lines)
    except OSError:
        pass
    finally:
        del clients[name]
        broadcast(f"* {name} has gone")
        queue.put(StopIteration)
        writer.join()


if __name__ == "__main__":
    server = StreamServer(("127.0.0.1", int(sys.argv[1])), handle)
    server.start()
    print(f"listening on 127.0.0.1:{server.server_port}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        print("bye")
