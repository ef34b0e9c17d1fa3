"""An HTTP server that answers each request with the next line of its script and records the requests."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HANG_UP = "hang up"


@dataclass
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


def ok(body: Any) -> tuple[int, dict[str, str], str]:
    return (200, {"content-type": "application/json"}, json.dumps(body))


def problem(status: int, code: str, retryable: bool, outcome: str, **more: Any) -> tuple[int, dict[str, str], str]:
    body = {"status": status, "code": code, "detail": "d", "retryable": retryable, "outcome": outcome, **more}
    return (status, {"content-type": "application/problem+json"}, json.dumps(body))


class Server(ThreadingHTTPServer):
    daemon_threads = True
    # The default of five drops connections of a client that opens twenty at once.
    request_queue_size = 128


class Fake:
    """A scripted server on a free port, for a ``with`` block."""

    def __init__(self, *script: Any) -> None:
        self.asked: list[Asked] = []
        lines = iter(script)
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                length = int(self.headers.get("content-length", 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                fake.asked.append(Asked(self.command, self.path, headers, self.rfile.read(length)))
                line = next(lines, (500, {}, "the script has ended"))
                if line == HANG_UP:
                    self.close_connection = True
                    return
                status, extra, body = line
                payload = body.encode()
                self.send_response(status)
                for name, value in {**extra, "content-length": str(len(payload))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(payload)

            do_GET = do_POST = answer

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self.base = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Fake:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
