"""Closing a socket gives EBADF to the one that connects; being killed leaves the socket open."""

import gevent
from gevent import socket

from common_sockets import busy_listener, number_name, says, undisturbed, waits

undisturbed()

server, client = busy_listener()
address = server.getsockname()

connecting = socket.socket()
waiting = waits("connect", connecting, lambda s: s.connect(address))
gevent.sleep(0)
connecting.close()
print("closed")
waiting.join()
says("again", lambda: connecting.connect(address))

connecting = socket.socket()
waiting = waits("connect_ex", connecting, lambda s: number_name(s.connect_ex(address)))
gevent.sleep(0)
connecting.close()
print("closed")
waiting.join()
says("again", lambda: number_name(connecting.connect_ex(address)))

connecting = socket.socket()
waiting = waits("connect", connecting, lambda s: s.connect(address))
gevent.sleep(0)
waiting.kill()
says("no name yet", connecting.getpeername)
connecting.setblocking(False)
says("still connecting", lambda: connecting.connect(address))
says("still connecting", lambda: number_name(connecting.connect_ex(address)))
connecting.settimeout(0.001)
says("too slow", lambda: connecting.connect(address))
says("too slow", lambda: number_name(connecting.connect_ex(address)))
connecting.close()

waiting = gevent.spawn(says, "create_connection", lambda: socket.create_connection(address))
gevent.sleep(0)
waiting.kill()
says("too slow", lambda: socket.create_connection(address, 0.001))
server.close()
says("the end", lambda: client.recv(10))
