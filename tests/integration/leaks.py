# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks for secrets, in all the forms in which they may be written, in everything that a run has left."""

from __future__ import annotations

import base64
import json
import pathlib
import typing as t
import urllib.parse

from ansible_collections.podreach.gke.tests.integration.estates import ec2
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

#: How every token of the lab begins, of Google's APIs and of the clusters'; and signed tokens, whoever's.
TOKENS = ("ya29.podreach-lab.", "eyJhbGciOi")


def forms(secret: str) -> dict[bytes, str]:
    """A secret as it would be seen, and what that form is called."""
    raw = secret.encode()
    found = {
        urllib.parse.quote(secret, safe="").encode(): "encoded for a URL",
        urllib.parse.quote(secret).encode(): "encoded for a URL",
        urllib.parse.quote_plus(secret).encode(): "encoded for a URL",
        json.dumps(secret)[1:-1].encode(): "in JSON",
        raw.hex().encode(): "in hexadecimal digits",
    }
    # last, since most are the same in several of these forms
    found[raw] = "as it is"
    for shift in range(3):
        # inside a longer text that was encoded: without the characters that its neighbours have a part in
        first, last = -(-shift * 8 // 6), (shift + len(raw)) * 8 // 6
        padded = bytes(shift) + raw
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            found[encode(padded)[first:last]] = "in base64"
    return found


def private_key(lab: Lab) -> list[str]:
    """The lines of the key that the lab's environment names."""
    text = json.loads(lab.key_file().read_text(encoding="utf-8"))["private_key"]
    # the first line is of every such key the same
    return [line for line in text.splitlines() if not line.startswith("-----")][1:-1]


def shared_keys(lab: Lab) -> list[str]:
    """The keys of all tunnels of all connections, of those too that have been deleted."""
    connections = ec2(lab).describe_vpn_connections()["VpnConnections"]
    return [tunnel["PreSharedKey"] for one in connections for tunnel in one["Options"]["TunnelOptions"]]


def secrets(lab: Lab, given: t.Iterable[str] = ()) -> dict[str, str]:
    """All that must not be seen, and what it is. ``given`` are those that the user has made up."""
    found = dict.fromkeys(TOKENS, "a token")
    found |= dict.fromkeys(private_key(lab), "the service account's private key")
    found |= {lab.env["AWS_SECRET_ACCESS_KEY"]: "AWS's secret access key"}
    found |= dict.fromkeys(given, "a secret that was given")
    return found | dict.fromkeys(shared_keys(lab), "a pre-shared key")


def leaks(texts: t.Mapping[str, bytes], hidden: t.Mapping[str, str]) -> list[str]:
    """Which secrets are in these texts, each with where and how; never with the secret."""
    found = []
    for secret, what in hidden.items():
        for form, called in forms(secret).items():
            found += [f"{what} is in {place}, {called}" for place, text in texts.items() if form in text]
    return sorted(set(found))


def written(directory: pathlib.Path) -> dict[str, bytes]:
    """Every file below a directory, and every file's name, by its path."""
    files = {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}
    return {**files, "the names of files": "\n".join(files).encode()}
