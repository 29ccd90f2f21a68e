"""Regular files, read and written by threads: positions, the modes, and a file that is closed."""

import os
import tempfile

from gevent.fileobject import FileObjectThread

from common import flag
from common_sockets import says

folder = tempfile.mkdtemp()
path = os.path.join(folder, "file")

says("no file", lambda: FileObjectThread(path, "rb"))
file = FileObjectThread(path, "w+b")
says("write", lambda: file.write(b"one\ntwo\nthree\n"))
says("tell", lambda: file.tell())
says("seek", lambda: file.seek(4))
says("readline", lambda: file.readline())
says("tell", lambda: file.tell())
says("write", lambda: file.write(b"THREE"))
says("tell", lambda: file.tell())
says("seek", lambda: file.seek(-3, os.SEEK_END))
says("read", lambda: file.read(100))
says("seek", lambda: file.seek(-2, os.SEEK_CUR))
says("read", lambda: file.read(1))
says("set_len", lambda: file.truncate(5))
says("seek", lambda: file.seek(0))
says("read", lambda: file.read(100))
says("read", lambda: file.read(100))
print(flag(file.closed), "w+b", flag(file.name == path))
file.close()
print(flag(file.closed), flag(file.name == path))
says("read", lambda: file.read(1))
says("close", lambda: file.close())

file = FileObjectThread(path, "ab")
says("write", lambda: file.write(b"end"))
file.close()
file = FileObjectThread(path, "rb")
says("read", lambda: file.read(100))
file.close()
says("exists", lambda: FileObjectThread(path, "xb"))
os.remove(path)
os.rmdir(folder)
