# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What AWS answers when it refuses, and the little of STS that is needed, as XML."""

from __future__ import annotations

import uuid
from xml.sax.saxutils import escape

from .credentials import ACCOUNT, USER, USER_ID

CONTENT_TYPE = "text/xml;charset=UTF-8"


class Refused(Exception):
    """A refusal with AWS's code for it. The words are AWS's where somebody has published them."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


def invalid_value(parameter: str, value: object = None, why: str = "") -> Refused:
    """In the form of https://github.com/GoogleCloudPlatform/pbmm-on-gcp-onboarding/issues/299"""
    shown = "Value" if value is None else f"Value ({value})"
    return Refused("InvalidParameterValue", f"{shown} for parameter {parameter} is invalid.{' ' if why else ''}{why}")


def ec2_error(code: str, message: str) -> bytes:
    """https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html"""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Response><Errors><Error><Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error></Errors>"
        f"<RequestID>{uuid.uuid4()}</RequestID></Response>"
    ).encode()


def sts_error(code: str, message: str) -> bytes:
    return (
        '<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>'
        f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message></Error>"
        f"<RequestId>{uuid.uuid4()}</RequestId></ErrorResponse>"
    ).encode()


def error(service: str, code: str, message: str) -> bytes:
    return sts_error(code, message) if service == "sts" else ec2_error(code, message)


def caller_identity() -> bytes:
    """The answer to sts:GetCallerIdentity."""
    return (
        '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
        f"<Arn>{USER}</Arn><UserId>{USER_ID}</UserId><Account>{ACCOUNT}</Account></GetCallerIdentityResult>"
        f"<ResponseMetadata><RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata></GetCallerIdentityResponse>"
    ).encode()
