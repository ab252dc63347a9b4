# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls of EC2 made inside the lab itself: signed and logged like anybody's, for presets and unit tests."""

from __future__ import annotations

import asyncio
import dataclasses
import re
import typing as t
import urllib.parse
from xml.etree import ElementTree

from ..core import Lab
from . import front
from .credentials import REGION, sign

Json = dict[str, t.Any]


class CallRefused(Exception):
    """EC2 said no; the text is its code and message."""


ID = re.compile("[a-z]+-[0-9a-f]+")


@dataclasses.dataclass(frozen=True)
class AwsStep:
    """One call of EC2. `parameters` are named as on the wire (Tag, not Tags, in a TagSpecification); lists count from 1
    there. In its strings and in those of later steps {name} stands for what an earlier step kept: `keep` is a path into
    the answer by name (vpc/vpcId). `until`: repeat the call until the element at a path has a value."""

    action: str
    parameters: Json
    keep: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    until: t.Mapping[str, str] = dataclasses.field(default_factory=dict)


async def call(lab: Lab, action: str, parameters: Json, region: str = REGION) -> ElementTree.Element:
    """The answer, without its namespace. Raises CallRefused."""
    fields = {"Action": action, "Version": "2016-11-15", **flat(parameters)}
    body = urllib.parse.urlencode(fields).encode()
    headers = sign("POST", "/", {"Host": "127.0.0.1"}, body, lab.state.clock.now(), region)
    headers["Content-Type"] = "application/x-www-form-urlencoded"
    reply = await front.answer(lab, "POST", "/", headers, body)
    answer = ElementTree.fromstring(re.sub(r' xmlns="[^"]*"', "", reply.body.decode()))
    if reply.status != 200:
        raise CallRefused(f"{answer.findtext('.//Code')}: {answer.findtext('.//Message')}")
    return answer


async def carry_out(lab: Lab, step: AwsStep, names: dict[str, str]) -> list[str]:
    """Make one call; what it kept goes into `names`, and the ids among that are returned: keys are nobody's to show."""
    changed = asyncio.Event()
    stop = lab.state.watch_outside(changed.set)
    try:
        while True:
            changed.clear()
            answer = await call(lab, step.action, filled(step.parameters, names))
            if all(answer.findtext(path) == value for path, value in step.until.items()):
                break
            await changed.wait()
    finally:
        stop()
    kept = {name: answer.findtext(path) or "" for name, path in step.keep.items()}
    names |= kept
    return [value for value in kept.values() if ID.fullmatch(value)]


def flat(value: t.Any, name: str = "") -> dict[str, str]:
    """{"Tag": [{"Key": "a"}]} -> {"Tag.1.Key": "a"}."""
    if isinstance(value, dict):
        pairs = list(value.items())
    elif isinstance(value, list):
        pairs = [(str(at), item) for at, item in enumerate(value, 1)]
    else:
        return {name: str(value).lower() if isinstance(value, bool) else str(value)}
    found: dict[str, str] = {}
    for key, item in pairs:
        found |= flat(item, f"{name}.{key}" if name else key)
    return found


def filled(value: t.Any, names: t.Mapping[str, str]) -> t.Any:
    """With every {name} replaced."""
    if isinstance(value, dict):
        return {key: filled(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [filled(item, names) for item in value]
    return re.sub(r"\{(\w+)\}", lambda found: names[found[1]], value) if isinstance(value, str) else value


def named(kind: str, name: str) -> Json:
    """The parameter that gives what is made the tag Name."""
    return {"TagSpecification": [{"ResourceType": kind, "Tag": [{"Key": "Name", "Value": name}]}]}


def tags_of(step: AwsStep) -> set[str]:
    """The tags Name that a step gives, as `named` has them."""
    return {
        tag["Value"]
        for entry in step.parameters.get("TagSpecification", [])
        for tag in entry["Tag"]
        if tag["Key"] == "Name"
    }
