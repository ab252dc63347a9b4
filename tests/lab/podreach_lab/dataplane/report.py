# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`lab trace` in words: a line for every namespace that a packet passed, and where and why it died."""

from __future__ import annotations

import typing as t

Json = dict[str, t.Any]


def lines(question: Json, answer: Json) -> t.Iterator[str]:
    """The story of one trace."""
    what = question["protocol"] + (f" {question['port']}" if question.get("port") else "")
    refused = f", refused ({answer['answer']})" if reached_but_refused(answer) else ""
    yield f"{question['from']} -> {question['to']}, {what}: {answer['verdict']}{refused}"
    yield from part("request", answer["request"])
    if answer["reply"] is not None:
        yield from part(f"reply ({answer['answer']})", answer["reply"])
    elif answer["request"]["delivered"]:
        yield "no reply: nothing answered"


def reached_but_refused(answer: Json) -> bool:
    """Packets pass both ways, but nothing listens."""
    return answer["verdict"] == "reachable" and answer["answer"] in ("rst", "port-unreachable")


def part(title: str, way: Json) -> t.Iterator[str]:
    yield title
    for hop in way["hops"]:
        through = " -> ".join(device for device in (hop["device_in"], hop["device_out"]) if device)
        yield f"  {hop['at']:<40} {through:<26} {hop['source']} -> {hop['destination']}  ttl {hop['ttl']}"
    died = way["died"]
    if died is None:
        port = f":{way['port_seen']}" if way["port_seen"] else ""
        yield f"  arrived at {way['received_by']} ({way['destination_seen']}{port}), which sees {way['source_seen']}"
    else:
        where = f"at {died['at']}" if died["at"] else "before it was sent"
        yield f"  died {where}: {died['reason']}" + (f" ({died['detail']})" if died["detail"] else "")
