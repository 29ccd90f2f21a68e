"""Bodies that end before they should: a read fails, and what was read before is there."""

from common_wsgi import answer, serve


def application(env, start_response):
    body = env["wsgi.input"]
    reads = {"/all": [body.read], "/some": [lambda: body.read(2), body.read], "/line": [body.readline, body.readline]}
    texts = []
    try:
        for read in reads[env["PATH_INFO"]]:
            texts.append(read().decode().replace("\n", "/"))
    except OSError:
        texts.append("an error")
    text = ", ".join(texts).encode()
    start_response("200 OK", [("Content-Length", str(len(text)))])
    return [text]


server = serve(application)
for path in ["/all", "/some", "/line"]:
    for what, body in [
        ("counted", "Content-Length: 20\r\n\r\none\ntwo"),
        ("counted, nothing comes", "Content-Length: 20\r\n\r\n"),
        ("chunked, in a chunk", "Transfer-Encoding: chunked\r\n\r\n4\r\none\n\r\n9\r\ntwo"),
        ("chunked, before a size", "Transfer-Encoding: chunked\r\n\r\n4\r\none\n\r\n"),
        ("chunked, nothing comes", "Transfer-Encoding: chunked\r\n\r\n"),
    ]:
        *_, text = answer(server, f"POST {path} HTTP/1.1\r\nHost: a\r\n{body}".encode())
        print(f"{path}, {what}: {text}")
server.stop()
