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
import socket
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
    "cloudresourcemanager": (
        "resource_manager_endpoint",
        "GOOGLE_RESOURCE_MANAGER_CUSTOM_ENDPOINT",
        "https://cloudresourcemanager.googleapis.com/v1/",
    ),
}


def _host(url: str) -> str:
    """The host of a URL, lower case; empty where there is none, or where two readers could take it for another."""
    try:
        parts = urlsplit(url if "//" in url else "//" + url)
        return "" if "\\" in url or "@" in parts.netloc else parts.hostname or ""
    except ValueError:
        return ""


def is_loopback(url: str) -> bool:
    """Whether a URL's host is surely this machine: ``localhost``, 127.0.0.0/8 or ::1. A name is not looked up."""
    host = _host(url)
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback and not getattr(address, "ipv4_mapped", None)


def may_be_this_machine(url: str) -> bool:
    """Whether a request could end at this machine: also by the spellings that C libraries take (127.1, 2130706433),
    the unspecified address, and names below ``localhost``."""
    host = _host(url).rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    address: ipaddress.IPv4Address | ipaddress.IPv6Address
    try:
        address = ipaddress.ip_address(host)
        address = getattr(address, "ipv4_mapped", None) or address
    except ValueError:
        try:
            address = ipaddress.IPv4Address(socket.inet_aton(host))
        except (OSError, ValueError):
            return False
    return address.is_loopback or address.is_unspecified


def resolve(params: t.Mapping[str, t.Any]) -> dict[str, str]:
    """Service -> base URL, each ending in a slash. Raises :class:`InvalidInput` for what is no http(s) URL."""
    found = {}
    for service, (option, variable, default) in SERVICES.items():
        url = params.get(option) or default
        if not _usable(url):
            raise InvalidInput(f"{option} (or {variable}): {url!r} is no URL of an API: write it like {default}")
        found[service] = url.rstrip("/") + "/"
    return found


def _usable(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(_host(url)) and parts.port != 0
    except ValueError:
        # a port that is no number, half of an IPv6 address
        return False


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
        if environment == "cloud" and may_be_this_machine(url):
            raise Refused(
                f"environment is cloud, but {what} is at {url}, which is this machine: nothing was sent. "
                "Unset the endpoint override (a shell that sourced .lab/env has them), or say environment: lab.",
                code="environment-mismatch",
            )


def lab_settings(wanted: t.Iterable[str]) -> dict[str, str]:
    """The wanted ones of the settings that a running lab wrote for its users, in ``.lab/env``; empty if there is none.

    Looked for in ``$PODREACH_LAB_DIR``, else in ``.lab`` of the current directory.
    """
    path = os.path.join(os.environ.get("PODREACH_LAB_DIR") or ".lab", "env")
    names, settings = frozenset(wanted), {}
    try:
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                # taking a line apart costs more than all else here
                if line.removeprefix("export ").partition("=")[0] in names:
                    name, value = _setting(line)
                    if name:
                        settings[name] = value
    except OSError:
        return {}
    return settings


def _setting(line: str) -> tuple[str, str]:
    """Name and value of a line ``export NAME='value'``; two empty strings for any other."""
    try:
        words = shlex.split(line, comments=True)
    except ValueError:
        return "", ""
    if len(words) != 2 or words[0] != "export" or "=" not in words[1]:
        return "", ""
    name, _sign, value = words[1].partition("=")
    return name, value
