"""What a handler learns of a request: the variables of CGI, which are made of the request line and of the headers."""

from common_wsgi import answer, serve

OF_THE_MACHINE = ["REMOTE_PORT", "SERVER_NAME", "SERVER_PORT", "SERVER_SOFTWARE"]


def application(env, start_response):
    texts = [(name, value) for name, value in env.items() if isinstance(value, str) and name not in OF_THE_MACHINE]
    start_response("200 OK", [])
    return [f"{name}: {value}\n".encode("latin-1") for name, value in sorted(texts)]


def ask(what, request):
    print(f"{what}:")
    *_, body = answer(server, request.encode("latin-1"))
    for line in body.splitlines():
        print(f"  |{line}|")


server = serve(application)
ask("little", "GET / HTTP/1.0\r\n\r\n")
ask("a path and a query", "GET /a%20b/%7e%zz?c=d%20e&f=?g HTTP/1.1\r\nHost: a:80\r\n\r\n")
ask("a body", "PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\ncontent-type: text/plain; a=b\r\n\r\nok")
ask("another method", "M-SEARCH * HTTP/1.1\r\nHost: a\r\n\r\n")
ask(
    "headers that are there twice, and cookies",
    "GET / HTTP/1.1\r\nHost: a\r\nAccept: a\r\nX-Y: 1\r\naccept: b, c\r\nCookie: d=e\r\nCookie: f=g; h=i\r\n"
    "Set-Cookie2: j\r\nSet-Cookie2: k\r\n\r\n",
)
ask(
    "headers of all kinds",
    "GET / HTTP/1.1\r\nHost: a\r\nEmpty:\r\nblanks: \t a  b \t \r\nUn_der: 1\r\nx-REAL-ip: 2\r\nTest: caf\xe9\r\n"
    "Content_Length: 5\r\nA: b: c\r\n\r\n",
)
ask("bodies in chunks", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
server.stop()
