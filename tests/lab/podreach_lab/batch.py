# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The batch endpoint of compute: many requests in one multipart body, as gcloud sends them.

Format: https://cloud.google.com/compute/docs/api/how-tos/batch
"""

from __future__ import annotations

import json
import re
import typing as t

from .core import Lab, Reply
from .faults import RPC_STATUS, ApiFault

LIMIT = 1000
BOUNDARY = "batch_podreachlab"
_REASONS = {200: "OK"} | {code: name.replace("_", " ").title() for code, name in RPC_STATUS.items()}


async def answer(lab: Lab, headers: t.Mapping[str, str], raw: bytes) -> Reply:
    """Carry out the parts in order; each has a status of its own."""
    match = re.search(r'boundary="?([^";]+)"?', headers.get("content-type") or headers.get("Content-Type") or "")
    if not match:
        return _refused("A batch request needs the content type multipart/mixed with a boundary.")
    text = raw.decode("utf-8", "replace").replace("\r\n", "\n")
    parts = [part for part in text.split(f"--{match[1]}")[1:] if part.strip() and part.strip() != "--"]
    if not 0 < len(parts) <= LIMIT:
        return _refused(f"A batch request holds between 1 and {LIMIT} calls, not {len(parts)}.")
    out: list[str] = []
    for part in parts:
        try:
            content_id, http_method, target, inner, body = _parse(part)
        except ValueError as error:
            return _refused(f"Failed to parse batch request: {error}")
        if http_method == "GET":
            inner.pop("content-length", None)
        outer = {"authorization": headers.get("authorization") or headers.get("Authorization") or ""}
        reply = await lab.call(http_method, target, outer | inner, body.encode())
        out.append(_written(content_id, reply))
    payload = "".join(f"--{BOUNDARY}\r\n{item}\r\n" for item in out) + f"--{BOUNDARY}--\r\n"
    return Reply(200, payload.encode(), content_type=f"multipart/mixed; boundary={BOUNDARY}")


def _parse(part: str) -> tuple[str, str, str, dict[str, str], str]:
    outer_text, _separator, rest = part.lstrip("\n").partition("\n\n")
    outer = _headers(outer_text.split("\n"))
    head, _separator, body = rest.lstrip("\n").partition("\n\n")
    lines = head.split("\n")
    words = lines[0].split(" ")
    if len(words) < 2:
        raise ValueError(f"not a request line: {lines[0]!r}")
    target = re.sub(r"^https?://[^/]+", "", words[1])
    return outer.get("content-id", ""), words[0], target, _headers(lines[1:]), body.strip("\n")


def _headers(lines: list[str]) -> dict[str, str]:
    pairs = (line.partition(":") for line in lines if ":" in line)
    return {name.strip().lower(): value.strip() for name, _separator, value in pairs}


def _written(content_id: str, reply: Reply) -> str:
    answer_id = re.sub(r"^<?(.*?)>?$", r"<response-\1>", content_id)
    reason = _REASONS.get(reply.status, "Error")
    return (
        f"Content-Type: application/http\r\nContent-ID: {answer_id}\r\n\r\n"
        f"HTTP/1.1 {reply.status} {reason}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n"
        f"{reply.body.decode()}"
    )


def _refused(message: str) -> Reply:
    return Reply(400, json.dumps(ApiFault(400, message).body("compute")).encode())
