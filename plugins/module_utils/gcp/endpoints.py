# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where requests go, and the check that keeps the lab and the cloud apart.

A topology, role or task says ``environment: lab`` or ``cloud``. Lab refuses every address that is not loopback, cloud
refuses every address that is; both before the first request, for every service that could be asked.
"""

from __future__ import annotations

import ipaddress
import os
import shlex
import typing as t
from urllib.parse import urlsplit

from ..errors import InvalidInput, Refused

#: service -> (option, environment variable, Google's address). The variables are those of Google's Terraform provider.
SERVICES: dict[str, tuple[str, str, str]] = {
    "compute": ("compute_endpoint", "GOOGLE_COMPUTE_CUSTOM_ENDPOINT", "https://compute.googleapis.com/compute/v1/"),
    "container": ("container_endpoint", "GOOGLE_CONTAINER_CUSTOM_ENDPOINT", "https://container.googleapis.com/v1/"),
    "iamcredentials": (
        "iam_credentials_endpoint",
        "GOOGLE_IAM_CREDENTIALS_CUSTOM_ENDPOINT",
        "https://iamcredentials.googleapis.com/v1/",
    ),
}


def is_loopback(url: str) -> bool:
    """Whether a URL's host is this machine: ``localhost``, 127.0.0.0/8 or ::1. A name is not looked up."""
    host = urlsplit(url if "//" in url else "//" + url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def resolve(params: t.Mapping[str, t.Any]) -> dict[str, str]:
    """Service -> base URL, each ending in a slash. Raises :class:`InvalidInput` for what is no http(s) URL."""
    found = {}
    for service, (option, variable, default) in SERVICES.items():
        url = params.get(option) or default
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise InvalidInput(f"{option} (or {variable}): {url!r} is no URL: write it like {default}")
        found[service] = url.rstrip("/") + "/"
    return found


def check(environment: str | None, addresses: t.Mapping[str, str]) -> None:
    """Refuse a lab that would leave this machine, and a cloud that would not.

    ``addresses`` maps what an address is for (a service, a token endpoint) to its URL.
    """
    for what, url in addresses.items():
        if environment == "lab" and not is_loopback(url):
            raise Refused(
                f"environment is lab, but {what} is at {url}, which is not this machine: nothing was sent. "
                "Start the lab and source .lab/env, or say environment: cloud.",
                code="environment-mismatch",
            )
        if environment == "cloud" and is_loopback(url):
            raise Refused(
                f"environment is cloud, but {what} is at {url}, which is this machine: nothing was sent. "
                "Unset the endpoint override (a shell that sourced .lab/env has them), or say environment: lab.",
                code="environment-mismatch",
            )


def lab_settings() -> dict[str, str]:
    """The settings that a running lab wrote for its users, from ``.lab/env``; empty if there is none.

    Looked for in ``$PODREACH_LAB_DIR``, else in ``.lab`` of the current directory.
    """
    path = os.path.join(os.environ.get("PODREACH_LAB_DIR") or ".lab", "env")
    settings = {}
    try:
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                words = shlex.split(line, comments=True)
                if len(words) == 2 and words[0] == "export" and "=" in words[1]:
                    name, value = words[1].split("=", 1)
                    settings[name] = value
    except OSError:
        return {}
    return settings
