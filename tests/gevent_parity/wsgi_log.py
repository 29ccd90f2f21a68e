"""The lines of the access log, without the time, the bytes and the seconds."""

import re

from common import report_errors
from common_wsgi import answer, serve

report_errors()


class Log:
    def write(self, line):
        client, rest = line.split(" [")
        request, status, length, seconds = re.fullmatch(r'[^"]*\] "(.*)" (\d+) (\S+) (\d+\.\d{6}|-)\n', rest).groups()
        print(f'  {client} "{request}" {status}')


def application(env, start_response):
    path = env["PATH_INFO"]
    if path == "/fails":
        raise ValueError("on purpose")
    start_response("404 Not found here" if path == "/none" else "200 OK", [])
    return [env["wsgi.input"].read()]


def ask(what, request):
    print(f"{what}:")
    answer(server, request)


server = serve(application, log=Log())
get = b"GET %s HTTP/1.1\r\nHost: a\r\nUser-Agent: me\r\n\r\n"
ask("served", get % b"/a?b=c%20d")
ask("HTTP/1.0", b"HEAD / HTTP/1.0\r\n\r\n")
ask("not found", get % b"/none")
ask("a failure", get % b"/fails")
ask("several", get % b"/1" + get % b"/none" + get % b"/3")
ask("a body", b"PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok")
ask("a body that is malformed", b"POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n")
ask("no version", b"GET /x HTTP %\r\n\r\n")
ask("version 2", b"GET /a%20b HTTP/2.0\r\nHost: a\r\n\r\n")
ask("a length that is no number", b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: abc\r\n\r\n")
ask("nothing", b"")
server.stop()
