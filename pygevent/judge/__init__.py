"""Holds our loop against gevent's own: used by `run`, `fuzz.py` and `bench.py`."""
