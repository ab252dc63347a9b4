# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way in for requests to AWS: the request log and injected faults, as for Google's APIs.

In the log their service is aws and their method the Action; `lab fault --method CreateVpc` and
`--path /ec2/ap-northeast-1/` match by these.
"""

from __future__ import annotations

import sys
import time
import traceback
import typing as t

from ..core import InjectedFault, Lab, Reply
from . import answers
from .credentials import NotAllowed, Signature, read
from .service import Answer, Request, refusal

Json = dict[str, t.Any]


async def answer(lab: Lab, method: str, target: str, headers: t.Mapping[str, str], body: bytes) -> Reply:
    """One request that claims to be signed for AWS."""
    began = time.perf_counter()
    try:
        signature = read(headers)
    except NotAllowed:
        signature = Signature("", "", "", "ec2", (), "")
    request = Request(method, target, headers, body, signature)
    service, action = signature.service, request.action
    path = f"/{service}/{signature.region}/{action}"
    entry: Json = {"service": "aws", "method": action, "path": path, "query": "", "caller": signature.access_key}
    entry |= {"method_id": f"{service}.{action}", "mutating": request.mutating} | lab.recorded(headers, body)
    fault = lab.injected(action.upper(), path)
    if fault and fault.when != "after":
        reply = injected_reply(fault, service)
    else:
        reply = await carried_out(lab, request)
        if fault:
            reply = injected_reply(fault, service)
    lab.record(entry, reply.status, began)
    return reply


async def carried_out(lab: Lab, request: Request) -> Reply:
    service = request.signature.service
    try:
        found = await lab.aws.call(request) if request.signature.access_key else refusal(service)
    except Exception as error:  # moto raises plain ones; say so on the wire and in lab.log, and go on serving
        traceback.print_exc(file=sys.stderr)
        text = f"The lab failed on {service}:{request.action}: {type(error).__name__}: {error}"
        found = Answer(500, answers.error(service, "InternalError", text))
    return Reply(found.status, found.body, content_type=found.content_type)


def injected_reply(fault: InjectedFault, service: str) -> Reply:
    """reason is AWS's error code here. There are no operations that could fail later."""
    body = answers.error(service, fault.reason or "Unavailable", fault.message)
    headers = dict(fault.headers)
    return Reply(fault.status, body, headers, answers.CONTENT_TYPE, dropped=fault.drop, delay=fault.delay)
