# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The transport over real sockets: what is sent, through a proxy or not, and what comes back."""

from __future__ import annotations

import http.server
import json
import socket
import threading
import time
import typing as t

import pytest

from ansible_collections.podreach.gke.plugins.module_utils.gcp import auth
from ansible_collections.podreach.gke.plugins.module_utils.gcp.task import rehearse
from ansible_collections.podreach.gke.plugins.module_utils.gcp.transport import HttpTransport, rehearsal


class Server(http.server.BaseHTTPRequestHandler):
    """Answers with what it was asked."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
        asked = {"method": self.command, "target": self.path, "body": body, "headers": dict(self.headers.items())}
        answer = json.dumps(asked).encode()
        if self.path.endswith("/moved"):
            self.send_response(302)
            self.send_header("location", "/elsewhere")
        elif self.path.endswith("/html"):
            self.send_response(502)
            answer = b"<html>"
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST

    def log_message(self, format: str, *args: t.Any) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> t.Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server) as listening:
        thread = threading.Thread(target=listening.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()
        thread.join()


def transport(base: str) -> HttpTransport:
    urls = {"compute": f"{base}/compute/v1/", "container": f"{base}/v1/", "iamcredentials": f"{base}/v1/"}
    return HttpTransport(auth.Session({"auth_kind": "accesstoken", "access_token": "tok", "project": "p"}, urls))


def test_a_request(server: str) -> None:
    answer = transport(server)("POST", f"{server}/compute/v1/x?requestId=1", {"a": [1, None]})
    assert answer.status == 200
    assert answer.body["target"] == "/compute/v1/x?requestId=1"
    assert json.loads(answer.body["body"]) == {"a": [1, None]}
    headers = {name.lower(): value for name, value in answer.body["headers"].items()}
    assert headers["authorization"] == "Bearer tok"
    assert headers["content-type"] == "application/json"


def test_a_request_without_a_body_has_no_type(server: str) -> None:
    headers = transport(server)("GET", f"{server}/compute/v1/x", None).body["headers"]
    assert "content-type" not in {name.lower() for name in headers}


def test_a_redirect_is_not_followed(server: str) -> None:
    answer = transport(server)("GET", f"{server}/moved", None)
    assert (answer.status, answer.headers["location"]) == (302, "/elsewhere")


def test_an_answer_that_is_no_json_is_an_empty_object(server: str) -> None:
    assert transport(server)("GET", f"{server}/html", None)[::2] == (502, {})


def test_nobody_there(server: str) -> None:
    with pytest.raises(OSError, match="refused"):
        transport("http://127.0.0.1:9")("GET", "http://127.0.0.1:9/x", None)


def test_the_proxies_of_the_environment_are_used_but_not_for_this_machine(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, server.replace("http://", "http://user:secret@"))
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    asked = transport("http://compute.example")("GET", "http://compute.example/compute/v1/x", None).body
    assert asked["target"] == "http://compute.example/compute/v1/x"
    assert "Proxy-Authorization" in asked["headers"]
    asked = transport(server)("GET", f"{server}/compute/v1/x", None).body
    assert asked["target"] == "/compute/v1/x"


def test_a_rehearsal_asks_nobody_and_takes_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: t.Any, **kwargs: t.Any) -> t.Any:
        raise AssertionError("a connection")

    monkeypatch.setattr(socket, "create_connection", refuse)
    rehearsed = rehearsal()
    began = time.monotonic()
    for _round in range(20):
        assert rehearsed("GET", "http://localhost/x", None)[::2] == (200, {})
    assert time.monotonic() - began < 10
    rehearsed.session.http.close()


def test_a_module_rehearses_without_asking_anybody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "create_connection", None)
    rehearse.__wrapped__()
