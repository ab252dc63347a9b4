# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Resource names in every form that Google accepts, brought to one: the relative name projects/P/....

Accepted: a full URL of any host and scheme (gcloud writes the override host into bodies), with or without
`/compute/v1/`; //compute.googleapis.com/...; projects/...; and partial ones (global/networks/n, regions/r/...).
"""

from __future__ import annotations

import re
import typing as t

from . import PROJECTS
from .faults import invalid

COMPUTE_BASE = "https://www.googleapis.com/compute/v1/"
CONTAINER_BASE = "https://container.googleapis.com/v1/"

_NUMBERS = {number: name for name, number in PROJECTS.items()}
_HOST = re.compile(r"^(?:https?:)?//[^/]+/")
_VERSION = re.compile(r"^(?:compute/)?(?:v1|beta|alpha)/")
_SHAPES = {
    "global": re.compile(r"projects/([^/]+)/global/([A-Za-z]+)/([^/]+)"),
    "regional": re.compile(r"projects/([^/]+)/regions/([^/]+)/([A-Za-z]+)/([^/]+)"),
    "zonal": re.compile(r"projects/([^/]+)/zones/([^/]+)/([A-Za-z]+)/([^/]+)"),
    "place": re.compile(r"projects/([^/]+)/(regions|zones)/([^/]+)"),
}
_SCOPES = {
    "networks": "global",
    "firewalls": "global",
    "routes": "global",
    "gateways": "global",
    "externalVpnGateways": "global",
    "subnetworks": "regional",
    "routers": "regional",
    "vpnTunnels": "regional",
    "vpnGateways": "regional",
    "addresses": "regional",
    "forwardingRules": "regional",
    "backendServices": "regional",
    "instances": "zonal",
}


def self_link(path: str) -> str:
    """The URL that compute puts in selfLink and in references."""
    return COMPUTE_BASE + path


def project_id(text: str) -> str:
    """A project's id, given that or its number."""
    return _NUMBERS.get(text, text)


def relative(text: str, project: str) -> str:
    """Any accepted form as a relative name; not checked further."""
    path = _VERSION.sub("", _HOST.sub("", text))
    if not path.startswith("projects/") and re.match(r"(global|regions|zones)/", path):
        path = f"projects/{project}/{path}"
    parts = path.split("/")
    if len(parts) > 1 and parts[0] == "projects":
        parts[1] = project_id(parts[1])
    return "/".join(parts)


def resolve(text: t.Any, field: str, project: str, kind: str) -> str:
    """A reference to a resource of `kind` as its relative name, or the refusal that Google gives to a malformed URL."""
    path = relative(str(text), project)
    match = _SHAPES[_SCOPES[kind]].fullmatch(path)
    if not match:
        raise invalid(field, text, "The URL is malformed.")
    if match.groups()[-2] != kind:
        raise invalid(field, text, f"The URL is malformed: it does not name one of the {kind}.")
    return path


def region_of_zone(zone: str) -> str:
    return zone.rsplit("-", 1)[0]
