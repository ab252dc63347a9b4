# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the ends of a vector's flow: ``pod my-pod 172.16.2.5 on node gke-node-02``, ``vm 10.2.0.9 in us-east1``."""

from __future__ import annotations

import dataclasses
import re

ADDRESS = r"\d+\.\d+\.\d+\.\d+"
REGION = r"[a-z]+-[a-z]{4,}\d"
KINDS = ("vm", "node", "pod", "ec2", "service", "address")
SYNONYMS = {"container": "pod"}
#: Words that no end of the vectors adds anything with.
SILENT = re.compile(r"same VPC|not masqueraded|\(spoke\)|\(hostNetwork\)|\(namespace [a-z0-9-]+\)|[(),]")


@dataclasses.dataclass(frozen=True)
class End:
    """One end of a flow; what the text doesn't say is ''. ``kind`` is a word of KINDS; an address alone is "address".

    ``node`` is the node that a pod is on, or the instance that an address is behind; ``subnet`` is one of AWS.
    """

    kind: str
    name: str = ""
    address: str = ""
    node: str = ""
    network: str = ""
    region: str = ""
    namespace: str = "default"
    host_network: bool = False
    subnet: str = ""


def parse(text: str) -> End:
    """The end that ``text`` describes; a word that isn't understood is an error, never passed over."""
    if re.fullmatch(ADDRESS, text):
        return End("address", address=text)
    if found := re.fullmatch(rf"(\S+) \(node ({ADDRESS})\)", text):
        return End("node", found[1], found[2])
    kind, _space, rest = text.partition(" ")
    kind = SYNONYMS.get(kind, kind)
    if kind not in KINDS:
        raise ValueError(f"not an end of a flow: {text!r}")
    fields: dict[str, str] = {}
    if found := re.search(r"\(namespace ([a-z0-9-]+)\)", rest):
        fields["namespace"] = found[1]
    host_network = "(hostNetwork)" in rest
    words = SILENT.sub(" ", rest).split()
    while words:
        word = words.pop(0)
        if word == "on" and words[:1] == ["node"]:
            fields["node"] = words.pop(1)
            words.pop(0)
        elif word == "behind":
            fields["node"] = words.pop(0)
        elif word == "in" or re.fullmatch(REGION, word):
            place = words.pop(0) if word == "in" else word
            within = "subnet" if kind == "ec2" else "network"
            fields["region" if re.fullmatch(REGION, place) else within] = place
        elif word == "at":
            pass
        elif re.fullmatch(ADDRESS, word):
            fields["address"] = word
        elif "name" not in fields:
            fields["name"] = word
        else:
            raise ValueError(f"{word!r} is not understood in {text!r}")
    return End(kind, host_network=host_network, **fields)
