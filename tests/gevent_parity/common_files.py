"""What the scripts about files share. The counterpart of common_files.rs."""

import os

from gevent.fileobject import FileObject


def pipe(buffering=8192):
    """The ends of a pipe, to read and to write."""
    reader, writer = os.pipe()
    return FileObject(reader, "rb", buffering=buffering), FileObject(writer, "wb", buffering=buffering)
