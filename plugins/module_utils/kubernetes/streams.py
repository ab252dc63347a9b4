# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs in pods, over a websocket, as kubectl exec runs them.

The websocket is that of the library ``websocket-client``, which ``kubernetes`` brings; what goes over it is a byte for
the channel before each piece. Source: https://github.com/kubernetes/kubernetes (staging/src/k8s.io/apimachinery,
pkg/util/remotecommand).
"""

from __future__ import annotations

import json
import typing as t
from urllib.parse import urlencode, urlsplit

from ansible.module_utils.basic import missing_required_lib

from ..errors import ApiError, PodreachError, Timeout
from .client import Answer, Json, Kube, as_error

try:
    import websocket
except ImportError as import_error:
    IMPORT_ERROR: ImportError | None = import_error
else:
    IMPORT_ERROR = None

#: newest first; what we read is the same in both
PROTOCOLS = ["v5.channel.k8s.io", "v4.channel.k8s.io"]
STDOUT, STDERR, ERROR = 1, 2, 3
#: how much of a program's output is kept, in bytes
KEPT = 100_000


class Finished(t.NamedTuple):
    """How a program ended, and what it wrote."""

    rc: int
    stdout: str
    stderr: str


def run(kube: Kube, namespace: str, pod: str, container: str, argv: t.Sequence[str], until: float) -> Finished:
    """Run a program in a container and wait for its end, until a time of the client's clock."""
    what = f"Pod {namespace}/{pod}"
    if IMPORT_ERROR:
        raise PodreachError(
            missing_required_lib("websocket-client"), code="missing-library", resource=what
        ) from IMPORT_ERROR
    access = kube.access
    if access is None:
        raise PodreachError(f"run a program in {what}: there is no way to the cluster", code="no-cluster")
    query: list[tuple[str, str]] = [("container", container), ("stdout", "true"), ("stderr", "true")]
    query += [("command", word) for word in argv]
    url = f"ws{access.url.removeprefix('http')}/api/v1/namespaces/{namespace}/pods/{pod}/exec?{urlencode(query)}"
    options: Json = {"subprotocols": PROTOCOLS, "suppress_origin": True, "http_no_proxy": ["*"]}
    if access.tls:
        options["sslopt"] = {"context": access.tls, "check_hostname": access.tls.check_hostname}
        if access.server_name:
            options["sslopt"]["server_hostname"] = access.server_name
    if access.proxy:
        proxy = urlsplit(access.proxy)
        options |= {"http_no_proxy": [""], "http_proxy_host": proxy.hostname, "http_proxy_port": proxy.port or 80}
        options |= {"proxy_type": "http"}
        if proxy.username:
            options["http_proxy_auth"] = (proxy.username, proxy.password or "")
    headers: dict[str, str] = {}
    access.authorize(headers, False)
    try:
        socket = websocket.create_connection(
            url,
            timeout=max(0.1, until - kube.clock.now()),
            header=[f"{name}: {value}" for name, value in headers.items()],
            **options,
        )
    except websocket.WebSocketBadStatusException as error:
        raise _refusal(error, what) from None
    except (websocket.WebSocketException, OSError) as error:
        raise ApiError(f"run a program in {what}: no connection: {error}", code="no-answer", resource=what) from None
    try:
        return _until_its_end(kube, socket, what, until)
    finally:
        socket.close(timeout=1)


def _refusal(error: t.Any, what: str) -> ApiError:
    try:
        body = json.loads(getattr(error, "resp_body", None) or b"{}")
    except ValueError:
        body = {}
    found = as_error(Answer(error.status_code, {}, body if isinstance(body, dict) else {}), "exec", what)
    message = str(found).removeprefix(f"exec {what}: ")
    return ApiError(
        f"run a program in {what}: {message}",
        status=error.status_code,
        code=found.code,
        reason=found.reason,
        resource=what,
    )


def _until_its_end(kube: Kube, socket: t.Any, what: str, until: float) -> Finished:
    written = {STDOUT: b"", STDERR: b""}
    while True:
        left = until - kube.clock.now()
        try:
            if left <= 0:
                raise websocket.WebSocketTimeoutException
            socket.settimeout(left)
            kind, data = socket.recv_data()
        except websocket.WebSocketTimeoutException:
            raise Timeout(
                f"run a program in {what}: it had not ended when the time was up. It had written: "
                f"{(written[STDOUT] + written[STDERR]).decode('utf-8', 'replace').strip() or 'nothing'}",
                resource=what,
            ) from None
        except (websocket.WebSocketException, OSError) as error:
            raise ApiError(f"run a program in {what}: {error}", code="no-answer", resource=what) from None
        if kind == websocket.ABNF.OPCODE_CLOSE:
            raise ApiError(
                f"run a program in {what}: the connection was closed before its end", code="no-answer", resource=what
            )
        if not data:
            continue
        if data[0] in written:
            written[data[0]] = (written[data[0]] + data[1:])[:KEPT]
        elif data[0] == ERROR:
            texts = {channel: text.decode("utf-8", "replace") for channel, text in written.items()}
            return Finished(exit_code(json.loads(data[1:]), what), texts[STDOUT], texts[STDERR])


def exit_code(status: Json, what: str) -> int:
    """How a program ended, by the Status that comes last. Raises :class:`ApiError` where it could not be run."""
    if status.get("status") == "Success":
        return 0
    for cause in (status.get("details") or {}).get("causes") or []:
        if cause.get("reason") == "ExitCode" and str(cause.get("message", "")).isdigit():
            return int(cause["message"])
    message = str(status.get("message") or "it could not be run, and nothing says why")
    raise ApiError(
        f"run a program in {what}: {message}",
        code="cannot-run",
        reason=status.get("reason"),
        status=int(status.get("code") or 0),
        resource=what,
    )
