"""gevent's loop on gevent for Rust: run a program with GEVENT_LOOP=rustloop.loop in its environment."""

from zope.interface import classImplements

from gevent._interfaces import ICallback, ILoop
from rustloop import _rustloop
from rustloop._rustloop import *  # noqa: F403
from rustloop._rustloop import _events_to_str, _EVENTSType, _flags_to_int, _flags_to_list  # noqa: F401

# gevent's `core` copies what is in the module of the loop's class.
__all__ = [
    "get_version",
    "get_header_version",
    "supported_backends",
    "recommended_backends",
    "embeddable_backends",
    "time",
    "loop",
]

classImplements(_rustloop.loop, ILoop)
classImplements(_rustloop.callback, ICallback)
