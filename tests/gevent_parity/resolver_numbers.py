"""Numeric hosts and ports: what is found, in which order."""

from gevent import socket


def show(found):
    for family, kind, proto, name, address in found:
        print(int(family), int(kind), proto, f"<{name}>", address[0], address[1])


show(socket.getaddrinfo("127.0.0.1", 80))
show(socket.getaddrinfo("127.1", "80", socket.AF_INET, socket.SOCK_STREAM))
show(socket.getaddrinfo("::1", 0, type=socket.SOCK_DGRAM))
show(socket.getaddrinfo(None, 8080, socket.AF_INET, socket.SOCK_STREAM, 0, socket.AI_PASSIVE))
show(socket.getaddrinfo(None, 8080, socket.AF_INET, socket.SOCK_STREAM))
show(socket.getaddrinfo("127.0.0.1", 1, socket.AF_INET, socket.SOCK_STREAM, 0, socket.AI_CANONNAME))
show(socket.getaddrinfo("127.0.0.1", 65536, type=socket.SOCK_STREAM))
print(socket.gethostbyname("0x7f.1"))
print(socket.gethostbyname(""))
print(socket.gethostbyname("<broadcast>"))
numeric = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV
print(*socket.getnameinfo(("127.0.0.1", 80), numeric))
print(*socket.getnameinfo(("::1", 80), numeric))
