# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One request, one answer: over HTTP with a Google token, by the connections and proxies that requests chooses."""

from __future__ import annotations

import json
import socket
import typing as t

from . import auth

try:
    import requests
    import urllib3.connection
    import urllib3.exceptions
except ImportError:
    # auth.Session says which library is missing before anything here is used
    requests = None  # type: ignore[assignment]  # only the name must exist

#: Seconds that one request may take to answer.
ANSWER_TIME = 60


class Answer(t.NamedTuple):
    """What came back for one request: the status, the headers (lower case), the JSON object."""

    status: int
    headers: t.Mapping[str, str]
    body: dict[str, t.Any]


class Transport(t.Protocol):
    """One request, one answer; ``OSError`` when none came. Made of requests and google-auth, or scripted in tests."""

    def __call__(self, method: str, url: str, body: dict[str, t.Any] | None) -> Answer:
        """Send it."""


class HttpTransport:
    """Requests over HTTP with a Google token; a token that is refused once is renewed."""

    def __init__(self, session: auth.Session) -> None:
        self.session = session

    def __call__(self, method: str, url: str, body: dict[str, t.Any] | None) -> Answer:
        answer = self._send(method, url, body, renew=False)
        if answer.status == 401 and getattr(self.session.credentials, "expiry", None):
            answer = self._send(method, url, body, renew=True)
        return answer

    def _send(self, method: str, url: str, body: dict[str, t.Any] | None, *, renew: bool) -> Answer:
        headers = {"user-agent": "podreach.gke (ansible)", "accept": "application/json"}
        self.session.authorize(headers, renew=renew)
        payload = None if body is None else json.dumps(body).encode()
        if payload is not None:
            headers["content-type"] = "application/json"
        http = self.session.http
        try:
            # requests chooses the connection (proxies, certificates); what else it does costs as much as the request
            wanted = requests.PreparedRequest()
            wanted.method, wanted.url = method, url
            settings = http.merge_environment_settings(url, {}, None, None, None)
            proxies = settings["proxies"]
            adapter = t.cast("requests.adapters.HTTPAdapter", http.get_adapter(url))
            pool: t.Any = adapter.get_connection_with_tls_context(wanted, settings["verify"], proxies=proxies)
            target = adapter.request_url(wanted, proxies)
            proxy = requests.utils.select_proxy(url, proxies)
            if proxy and target == url:
                # a proxy that is asked for the whole URL: a tunnel through one has these already
                headers.update(adapter.proxy_headers(proxy))
            response = pool.request(
                method,
                target,
                body=payload,
                headers=headers,
                timeout=ANSWER_TIME,
                retries=False,
                redirect=False,
                assert_same_host=False,
            )
            text = response.data
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise OSError(str(error)) from None
        try:
            content = json.loads(text) if text else {}
        except ValueError:
            content = {}
        if not isinstance(content, dict):
            content = {}
        return Answer(response.status, {k.lower(): v for k, v in response.headers.items()}, content)


def rehearsal() -> HttpTransport:
    """A transport whose requests go nowhere: every one is answered by an empty object, over a pair of sockets.

    The controller sends some by it before it forks for tasks. Each fork then finds caches filled and code specialised
    that it would fill and specialise again.
    """

    class Nowhere(urllib3.connection.HTTPConnection):
        """A connection to nobody, which holds its answer from the start."""

        def connect(self) -> None:
            self.sock, self.far_end = socket.socketpair()
            # one answer a connection, or the second request on it would wait for ever
            self.far_end.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}")

        def close(self) -> None:
            super().close()
            self.far_end.close()

    class Pool(urllib3.HTTPConnectionPool):
        ConnectionCls = Nowhere

    session = auth.Session({"auth_kind": "accesstoken", "access_token": "none", "project": "none"}, {})
    session.http = requests.Session()
    session.http.trust_env = False
    adapter = requests.adapters.HTTPAdapter()
    adapter.poolmanager.pool_classes_by_scheme = {"http": Pool}
    session.http.mount("http://", adapter)
    return HttpTransport(session)
