"""Headless Chromium: what a page is like once a browser has drawn it, with no internet."""

import json
import shutil
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
PROBE = Path(__file__).with_name("probe.html")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)  # fmt: skip


def program() -> str | None:
    """The path of the browser, if there is one."""
    return next(filter(None, map(shutil.which, NAMES)), None)


def visit(
    site: Path, pages: Sequence[str], widths: Sequence[int], words: Sequence[str], profile: Path
) -> dict[str, Any]:
    """What probe.html sees: every page at every width, and what the search box finds.

    ``missing`` are the requests that the site could not answer.
    """
    asked = json.dumps({"pages": pages, "widths": widths, "words": words}).encode()
    seen: Queue[dict[str, Any]] = Queue()
    missing: list[str] = []
    with ThreadingHTTPServer(("127.0.0.1", 0), handler(site, asked, seen, missing)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/probe.html"
        command = [program() or "", *FLAGS, f"--user-data-dir={profile}", "--window-size=1400,1000"]
        log = profile.with_suffix(".log")
        with log.open("wb") as out, subprocess.Popen([*command, url], stdout=out, stderr=out) as it:
            try:
                return seen.get(timeout=600) | {"missing": missing}
            finally:
                it.terminate()
                server.shutdown()


def handler(
    site: Path, asked: bytes, seen: Queue[dict[str, Any]], missing: list[str]
) -> type[SimpleHTTPRequestHandler]:
    """A server of the site's files, of the probe and of what it asks for; the answer goes to
    ``seen``, the requests that had no file to ``missing``.
    """

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *given: Any) -> None:
            super().__init__(*given, directory=str(site))

        def do_GET(self) -> None:
            own = {"/probe.html": PROBE.read_bytes(), "/asked": asked, "/favicon.ico": b""}
            with suppress(ConnectionError):  # a page was left before all of it had come
                if self.path in own:
                    self.answer(own[self.path])
                else:
                    super().do_GET()

        def do_POST(self) -> None:
            seen.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.answer(b"")

        def answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def send_error(self, code: int, *given: Any) -> None:
            missing.append(f"{code} {self.path}")
            super().send_error(code, *given)

        def log_message(self, *given: Any) -> None:
            pass

    return Handler
