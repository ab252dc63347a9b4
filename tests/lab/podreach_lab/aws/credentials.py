# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may call AWS, and how it refuses the others: one account, one key pair, AWS's signature version 4.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import hmac
import re
import typing as t
import urllib.parse

ACCOUNT = "123456789012"
USER_ID = "AIDAPODREACHLAB00001"
USER = f"arn:aws:iam::{ACCOUNT}:user/lab"
ACCESS_KEY = "AKIAPODREACHLAB00001"
SECRET_KEY = "PodreachLabOnlyNotASecret000000000000001"
"""Long on purpose: Ansible masks a secret wherever its text appears, and a short one appears in ids."""
REGION = "ap-northeast-1"

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([a-z0-9-]+)/([a-z0-9-]+)/aws4_request, ?"
    r"SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})"
)


class NotAllowed(Exception):
    """The signature is not one of the lab's account."""


@dataclasses.dataclass(frozen=True)
class Signature:
    """What the Authorization header says."""

    access_key: str
    date: str
    region: str
    service: str
    signed: tuple[str, ...]
    value: str

    @property
    def scope(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


def is_aws(headers: t.Mapping[str, str]) -> bool:
    """Whether a request is meant for AWS."""
    return headers.get("Authorization", "").startswith("AWS4-HMAC-SHA256 ")


def read(headers: t.Mapping[str, str]) -> Signature:
    """The claimed signature, not verified. Raises NotAllowed where there is none."""
    found = _AUTHORIZATION.fullmatch(headers.get("Authorization", "").strip())
    if found is None:
        raise NotAllowed("Authorization")
    access_key, date, region, service, signed, value = found.groups()
    return Signature(access_key, date, region, service, tuple(signed.split(";")), value)


def verify(signature: Signature, method: str, target: str, headers: t.Mapping[str, str], body: bytes) -> None:
    """Raises NotAllowed unless the request was signed with the lab's key."""
    if signature.access_key != ACCESS_KEY:
        raise NotAllowed(signature.access_key)
    if not hmac.compare_digest(_value(signature, method, target, headers, body), signature.value):
        raise NotAllowed(signature.access_key)


def sign(
    method: str, target: str, headers: t.Mapping[str, str], body: bytes, now: datetime.datetime, region: str = REGION
) -> dict[str, str]:
    """The headers of a request to EC2, signed with the lab's key."""
    date = now.astimezone(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    full = {**headers, "X-Amz-Date": date}
    lower = {name.lower(): value for name, value in full.items()}
    unsigned = Signature(ACCESS_KEY, date[:8], region, "ec2", tuple(sorted(lower)), "")
    value = _value(unsigned, method, target, lower | full, body)
    signed = ";".join(unsigned.signed)
    text = f"Credential={ACCESS_KEY}/{unsigned.scope}, SignedHeaders={signed}, Signature={value}"
    return {**lower, **full, "Authorization": f"AWS4-HMAC-SHA256 {text}"}


def _value(signature: Signature, method: str, target: str, headers: t.Mapping[str, str], body: bytes) -> str:
    """What the signature of a request must be."""
    text = "\n".join(
        (
            "AWS4-HMAC-SHA256",
            headers.get("X-Amz-Date", ""),
            signature.scope,
            hashlib.sha256(_canonical(signature, method, target, headers, body).encode()).hexdigest(),
        )
    )
    key = f"AWS4{SECRET_KEY}".encode()
    for part in signature.scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _canonical(signature: Signature, method: str, target: str, headers: t.Mapping[str, str], body: bytes) -> str:
    path, _separator, query = target.partition("?")
    pairs = sorted(urllib.parse.parse_qsl(query, keep_blank_values=True))
    lines = [f"{name}:{' '.join(headers.get(name, '').split())}" for name in signature.signed]
    return "\n".join(
        (
            method,
            path or "/",
            urllib.parse.urlencode(pairs, quote_via=urllib.parse.quote, safe="-_.~"),
            *lines,
            "",
            ";".join(signature.signed),
            hashlib.sha256(body).hexdigest(),
        )
    )
