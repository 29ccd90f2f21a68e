"""When what was written can be read: with buffers of several sizes, and after flush and close."""

import os

from gevent import select
from gevent.fileobject import FileObject

from common_sockets import says, undisturbed

undisturbed()


def there(reader):
    ready = select.select([reader], [], [], 0)[0]
    return os.read(reader, 100).decode() if ready else "nothing"


for mode, buffering in [("wb", 0), ("wb", 4), ("wb", 100), ("w", 1)]:
    reader, writer = os.pipe()
    file = FileObject(writer, mode, buffering=buffering)
    print(mode, buffering)
    for text in ["ab", "c", "d", "efghi", "j\n", "k\nl", "m"]:
        print(file.write(text if mode == "w" else text.encode()), repr(there(reader)))
    file.flush()
    print("flushed", repr(there(reader)))
    file.write("end" if mode == "w" else b"end")
    file.close()
    print("closed", repr(there(reader)))
    says("write", lambda: file.write(b"x"))
    says("flush", lambda: file.flush())
    os.close(reader)
