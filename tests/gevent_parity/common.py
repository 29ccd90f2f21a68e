"""What the scripts share. The counterpart of common.rs."""

import re

import gevent


def name(error):
    """The name of an exception's type."""
    return type(error).__name__


def flag(value):
    """Whether, in Rust's spelling."""
    return "true" if value else "false"


def report_errors():
    """Has the hub print one line for each exception that it is left with: its type, and whose it was."""
    gevent.get_hub().exception_stream = Report()


class Report:
    def write(self, text):
        found = re.match(r"(.*) failed with (\w+)$", text.strip())
        if found:
            whose, error = found.groups()
            print(f"[hub: {error} in {kind(whose)}]")

    def flush(self):
        pass


def kind(whose):
    """What a repr is of: `Greenlet` for `<Greenlet "me" at 0x7f..: run>`."""
    if whose.startswith("(<ThreadPoolWorker "):  # with the function that failed
        return "ThreadPool"
    if whose.startswith("{"):  # the environ of a request
        return "request"
    if whose.startswith("("):  # a pair of a link and its greenlet
        return "link"
    method = re.match(r"<built-in method (\w+) of ", whose)
    if method:  # a greenlet's switch or throw, called by a Waiter
        return method.group(1)
    return re.search(r"\w+", whose).group()
