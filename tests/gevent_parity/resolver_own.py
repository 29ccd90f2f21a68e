"""A resolver of one's own: who asks it, and what for."""

import gevent
from gevent import socket
from gevent.resolver.blocking import Resolver


class Own(Resolver):
    def getaddrinfo(self, host, port, family=0, type=0, proto=0, flags=0):
        print(f"getaddrinfo {host}")
        gevent.sleep(0)
        if host == "known.example":
            host = "127.0.0.1"
        elif host == "unknown.example":
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return Resolver.getaddrinfo(host, port, family, type, proto, flags)

    def gethostbyaddr(self, address):
        print(f"gethostbyaddr {address}")
        raise socket.herror(1, "Unknown host")

    def getnameinfo(self, address, flags):
        print(f"getnameinfo {address[0]}")
        return "known.example", str(address[1])


gevent.get_hub().resolver = Own()
print(socket.getaddrinfo("known.example", 80, 0, socket.SOCK_STREAM)[0][4])
print(socket.getnameinfo(("127.0.0.1", 9), 0))
print(socket.getfqdn("short"))
try:
    socket.gethostbyaddr("1.2.3.4")
except socket.herror as e:
    print(e)
try:
    socket.create_connection(("unknown.example", 80))
except socket.gaierror as e:
    print(e.errno)
server = socket.socket()
server.bind(("127.0.0.1", 0))
server.listen(1)
client = socket.create_connection(("known.example", server.getsockname()[1]))
print(client.getpeername() == server.getsockname())
