"""A web server for tests of downloads, on this machine."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread


class Handler(SimpleHTTPRequestHandler):
    """A quiet file server; /KIND/NAME serves the file NAME in a way that its kind says.

    range   parts of the file, as a Range header asks for
    cut     half of what is asked for, then the connection is closed
    full    all of the file, whatever part is asked for
    wrong   a part that begins with another byte than the one asked for
    html    a web page
    busy    status 503
    endless bytes without end
    long    a Content-Length of many times the file's, with the file
    slow    the file, in two pieces, half a second apart
    """

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        self.server.requests.append((self.path, self.headers.get("Range")))  # type: ignore[attr-defined]
        _, kind, *rest = self.path.split("/")
        if not rest or not hasattr(self, f"send_{kind}"):
            return super().do_GET()
        getattr(self, f"send_{kind}")((Path(self.directory) / "/".join(rest)).read_bytes())

    def _answer(self, status: int, **headers: object) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def _start(self, body: bytes) -> int:
        found = re.match(r"bytes=(\d+)-", self.headers.get("Range", ""))
        return int(found[1]) if found else 0

    def send_range(self, body: bytes, share: float = 1, shift: int = 0) -> None:
        start, n = self._start(body), len(body)
        if start >= n:
            return self._answer(416, Content_Range=f"bytes */{n}", Content_Length=0)
        headers = {"Content_Range": f"bytes {start + shift}-{n - 1}/{n}"} if start else {}
        self._answer(206 if start else 200, Content_Length=n - start, **headers)
        self.wfile.write(body[start : start + int(share * (n - start))])

    def send_cut(self, body: bytes) -> None:
        self.send_range(body, share=0.5)

    def send_wrong(self, body: bytes) -> None:
        self.send_range(body, shift=1)

    def send_full(self, body: bytes) -> None:
        self._answer(200, Content_Length=len(body))
        self.wfile.write(body)

    def send_html(self, body: bytes) -> None:
        self._answer(200, Content_Type="text/html; charset=utf-8", Content_Length=len(body))
        self.wfile.write(body)

    def send_busy(self, body: bytes) -> None:
        self.send_error(503)

    def send_endless(self, body: bytes) -> None:
        self._answer(200)
        try:
            while True:
                self.wfile.write(body)
        except OSError:
            self.close_connection = True

    def send_long(self, body: bytes) -> None:
        self._answer(200, Content_Length=1 << 40)
        self.wfile.write(body)

    def send_slow(self, body: bytes) -> None:
        self._answer(200, Content_Length=len(body))
        self.wfile.write(body[: len(body) // 2])
        self.wfile.flush()
        time.sleep(0.5)
        self.wfile.write(body[len(body) // 2 :])


class Server(ThreadingHTTPServer):
    """Notes what it is asked for."""

    def __init__(self, handler: object) -> None:
        super().__init__(("127.0.0.1", 0), handler)  # type: ignore[arg-type]
        self.requests: list[tuple[str, str | None]] = []

    def handle_error(self, *args: object) -> None:
        """Say nothing: clients of these tests hang up, or are killed."""


class Url(str):
    """The URL of a server, with the requests that came."""

    requests: list[tuple[str, str | None]]


@contextmanager
def serve(folder: Path) -> Iterator[Url]:
    """Serve a folder over HTTP; gives the URL."""
    with Server(partial(Handler, directory=str(folder))) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            url = Url(f"http://127.0.0.1:{server.server_port}")
            url.requests = server.requests
            yield url
        finally:
            server.shutdown()
            thread.join()
