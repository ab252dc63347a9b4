# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What changes of masquerading have in common, be they of the agent's ConfigMap or of policies."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ..engine import Grade
from ..errors import ApiError, Conflict
from .client import FIELD_MANAGER, JSON, Json, Kube


@dataclass(frozen=True)
class Request:
    """One request that changes an object."""

    method: str
    path: str
    body: Json
    content_type: str = JSON


def deletion(path: str, current: Json) -> Request:
    """Deletes an object as it was read, and no other."""
    metadata = current["metadata"]
    seen = {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]}
    return Request("DELETE", path, {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": seen})


def send(kube: Kube, request: Request, label: str) -> None:
    """Do it. Raises :class:`Conflict` where somebody else was faster."""
    query = {} if request.method == "DELETE" else {"fieldManager": FIELD_MANAGER}
    try:
        kube.request(
            request.method, request.path, label, query=query, body=request.body, content_type=request.content_type
        )
    except ApiError as error:
        raced = (request.method == "POST" and error.reason == "AlreadyExists") or (
            request.method != "POST" and error.status == 404
        )
        if isinstance(error, Conflict) or not raced:
            raise
        raise Conflict(
            str(error), unsure=error.tries > 1, status=error.status, reason=error.reason, resource=label
        ) from None


def grade(to_node: t.Sequence[str], to_pod: t.Sequence[str], *, absent: bool) -> Grade:
    """That of a step after which these destinations see another address."""
    if absent:
        return Grade.DESTRUCTIVE
    return Grade.DISRUPTIVE if to_node or to_pod else Grade.SAFE


def effect(to_node: t.Sequence[str], to_pod: t.Sequence[str]) -> str:
    """The same in words, to be put after what the step does."""
    words = [f"keep pods' addresses toward {some(to_pod)}"] if to_pod else []
    words += [f"masquerade toward {some(to_node)}"] if to_node else []
    return f": {', '.join(words)}" if words else ""


def some(cidrs: t.Sequence[str]) -> str:
    """The first few of a list."""
    return ", ".join(cidrs[:4]) + (f" and {len(cidrs) - 4} more" if len(cidrs) > 4 else "")
