"""The status of requests that are not served, and of some that are."""

from common_wsgi import serve, status


def application(env, start_response):
    read = env["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [read]


server = serve(application)
post = b"POST / HTTP/1.1\r\nHost: a\r\n"
status(server, "good", post + b"Content-Length: 5\r\n\r\nhello")
status(server, "no version", b"GET / HTTP %\r\n\r\n")
status(server, "version 2", b"GET / HTTP/2.0\r\n\r\n")
status(server, "no path", b"GET\r\n\r\n")
status(server, "too many words", b"GET / / HTTP/1.1\r\n\r\n")
status(server, "negative length", post + b"Content-Length: -5\r\n\r\nhello")
status(server, "no number", post + b"Content-Length: abc\r\n\r\nhello")
status(server, "a body of HEAD", b"HEAD / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello")
chunked = post + b"Transfer-Encoding: chunked\r\n\r\n"
status(server, "chunks", chunked + b"5\r\nhello\r\n0\r\n\r\n")
status(server, "no size", chunked + b"xyz\r\nhello\r\n0\r\n\r\n")
status(server, "a blank before a size", chunked + b" 5\r\nhello\r\n0\r\n\r\n")
status(server, "a longer chunk", chunked + b"5\r\nhello!\r\n0\r\n\r\n")
status(server, "a line without CR", chunked + b"5\nhello\r\n0\r\n\r\n")
status(server, "a large size", chunked + b"1" * 17 + b"\r\nhello\r\n0\r\n\r\n")
status(server, "a long extension", chunked + b"5;" + b"x" * 9000 + b"\r\nhello\r\n0\r\n\r\n")
status(server, "a long line", b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n")
server.stop()
