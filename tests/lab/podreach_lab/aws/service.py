# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""AWS of one lab: EC2 by moto, in this process, and who is calling by STS.

moto costs most of a second and 100 MB, so it is imported with the first request to EC2; until then there is nothing to
know. Whatever a request changed, the rest of the lab learns as AwsFacts.
"""

from __future__ import annotations

import asyncio
import dataclasses
import importlib
import re
import typing as t
import urllib.parse

from ..state import State
from . import answers
from .credentials import NotAllowed, Signature, verify
from .facts import AwsFacts

if t.TYPE_CHECKING:
    from .backend import Backends

_READING = re.compile(r"(Describe|Get|List|Search|Export)[A-Z]")
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")


KINDS = {
    "vpcs": "vpc",
    "subnets": "subnet",
    "interfaces": "network-interface",
    "instances": "instance",
    "tables": "route-table",
    "groups": "security-group",
    "acls": "network-acl",
    "virtual_gateways": "vpn-gateway",
    "transit_gateways": "transit-gateway",
    "attachments": "transit-gateway-attachment",
    "transit_tables": "transit-gateway-route-table",
    "customer_gateways": "customer-gateway",
    "connections": "vpn-connection",
}
"""Of AwsFacts, in EC2's words: those of ResourceType in botocore's model."""


@dataclasses.dataclass(frozen=True)
class Request:
    """One signed request: form-encoded parameters, and as whom it was signed."""

    method: str
    target: str
    headers: t.Mapping[str, str]
    body: bytes
    signature: Signature

    @property
    def action(self) -> str:
        form = dict(urllib.parse.parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))
        query = dict(urllib.parse.parse_qsl(self.target.partition("?")[2], keep_blank_values=True))
        return form.get("Action") or query.get("Action", "")

    @property
    def mutating(self) -> bool:
        return self.signature.service == "ec2" and _READING.match(self.action) is None


@dataclasses.dataclass(frozen=True)
class Answer:
    status: int
    body: bytes
    content_type: str = answers.CONTENT_TYPE


class Aws:
    """The account's EC2 in every region, and STS."""

    def __init__(self, state: State) -> None:
        self.state = state
        self._backends: Backends | None = None

    def reset(self) -> None:
        """Back to an empty account."""
        if self._backends is not None:
            self._backends.clear()
        self.state.learn_aws(AwsFacts())

    def counts(self) -> dict[str, int]:
        """How many things of each kind are in force, as State.counts has it of Google's."""
        held = vars(self.state.aws)
        return {f"ec2#{KINDS[name]}": len(items) for name, items in held.items() if items}

    async def call(self, request: Request) -> Answer:
        service = request.signature.service
        try:
            verify(request.signature, request.method, request.target, request.headers, request.body)
        except NotAllowed:
            return refusal(service)
        if service == "sts":
            return identity(request.action)
        if service != "ec2":
            return Answer(501, answers.ec2_error("UnsupportedOperation", f"The lab has no AWS service {service}."))
        if not _REGION.fullmatch(request.signature.region):
            text = f"There is no region {request.signature.region}."
            return Answer(400, answers.ec2_error("InvalidParameterValue", text))
        try:
            backends = await self._started()
        except ImportError as error:
            text = f"EC2 needs the Python packages of tests/lab/requirements.txt: {error}."
            return Answer(501, answers.ec2_error("UnsupportedOperation", text))
        try:
            return Answer(*backends.dispatch(request.method, request.target, request.headers, request.body))
        finally:
            if request.mutating:
                backends.learn()

    async def _started(self) -> Backends:
        """moto's stores; imported aside, so that the lab goes on answering meanwhile."""
        if self._backends is None:
            module = await asyncio.to_thread(importlib.import_module, f"{__package__}.backend")
            if self._backends is None:
                self._backends = module.Backends(self.state)
        return self._backends


def refusal(service: str) -> Answer:
    """To a caller whose key is unknown or whose signature is wrong.
    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html#CommonErrors"""
    if service == "sts":
        text = "The security token included in the request is invalid."
        return Answer(403, answers.sts_error("InvalidClientTokenId", text))
    text = "AWS was not able to validate the provided access credentials"
    return Answer(401, answers.ec2_error("AuthFailure", text))


def identity(action: str) -> Answer:
    if action == "GetCallerIdentity":
        return Answer(200, answers.caller_identity())
    return Answer(501, answers.sts_error("UnsupportedOperation", f"The lab does not model sts:{action}."))
