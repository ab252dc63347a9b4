# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plain HTTP to the lab: both Google APIs, and the Kubernetes API of a cluster."""

from __future__ import annotations

import base64
import http.client
import json
import ssl
import typing as t

Json = dict[str, t.Any]


class CallFailed(Exception):
    """The API refused, or the operation failed."""


class Client:
    """One kept connection with a bearer token."""

    def __init__(self, connection: http.client.HTTPConnection, token: str) -> None:
        self.connection = connection
        self.headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}

    def call(self, method: str, path: str, body: t.Any = None, content_type: str = "application/json") -> Json:
        """The answer's object; raises CallFailed with what was refused."""
        payload = None if body is None else json.dumps(body)
        if self.connection.sock is None:
            self.connection.connect()
        self.connection.request(method, path, payload, self.headers | {"content-type": content_type})
        response = self.connection.getresponse()
        raw = response.read()
        if response.status >= 300:
            raise CallFailed(f"{response.status} {method} {path} {payload or ''}: {raw.decode()[:600]}")
        answer: Json = json.loads(raw)
        failed = answer.get("error")
        if failed:
            raise CallFailed(f"operation of {method} {path} {payload or ''}: {json.dumps(failed)[:600]}")
        return answer

    def close(self) -> None:
        self.connection.close()


def google(port: int, token: str) -> Client:
    """Both Google APIs: compute under /compute/v1/, container under /v1/."""
    return Client(http.client.HTTPConnection("127.0.0.1", port, timeout=20), token)


def kubernetes(cluster: Json, token: str) -> Client:
    """The API of a cluster as container's GET describes it."""
    authority = base64.b64decode(cluster["masterAuth"]["clusterCaCertificate"]).decode()
    context = ssl.create_default_context(cadata=authority)
    return Client(http.client.HTTPSConnection(cluster["endpoint"], 443, timeout=20, context=context), token)
