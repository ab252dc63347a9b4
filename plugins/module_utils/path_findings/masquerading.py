# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why pods come with addresses of their own to whom has no route back to them. Pure."""

from __future__ import annotations

import ipaddress
import typing as t

from .sheet import Json, Sheet

KEEPS_POD_IP = "masq-default-keeps-pod-ip"
#: findings of masquerade_info that say why a configuration that should masquerade does not
WITHOUT_EFFECT = (
    "masq-no-agent",
    "masq-wrong-key",
    "masq-rejected",
    "masq-wrong-mode",
    "masq-resync-pending",
    "snat-disabled",
)


def seen_as(answer: Json | None, address: ipaddress.IPv4Address) -> str:
    """Whose address a destination sees, as masquerade_info says: ``pod``, ``node``, ``both`` or ``unknown``."""
    for item in (answer or {}).get("destinations") or []:
        if item.get("destination") == str(address):
            return str(item.get("seen_as"))
    return "unknown"


def judge(sheet: Sheet, cluster: str, address: ipaddress.IPv4Address, answer: Json, lacking: str) -> None:
    """Findings where pods keep their addresses toward one that has no way back to them, as ``lacking`` says."""
    found = [item for item in answer.get("findings") or [] if item.get("code") in WITHOUT_EFFECT]
    for item in found:
        message = str(item.get("message") or "").rstrip(".")
        sheet.find(str(item["code"]), cluster, f"{cluster}: {message}", str(item.get("mend") or "").rstrip("."))
    if found or answer.get("source") != "default" or seen_as(answer, address) != "pod":
        return
    agent = "" if (answer.get("agent") or {}).get("deployed") else ", with deploy_agent: true, for no agent runs"
    sheet.find(
        KEEPS_POD_IP,
        cluster,
        f"pods of {cluster} keep their own addresses toward {address}, for the built-in list has "
        f"{_entry(answer.get('non_masquerade_cidrs') or [], address)} in it, and {lacking}",
        f"masquerade: [{address}/32], or a range around it, in the topology's entry of masquerades or for "
        f"podreach.gke.masquerade{agent}; by hand, under the key config of the ConfigMap kube-system/ip-masq-agent, "
        "nonMasqueradeCIDRs without it",
    )


def _entry(ranges: t.Sequence[str], address: ipaddress.IPv4Address) -> str:
    for text in ranges:
        if ":" not in text and address in ipaddress.IPv4Network(text):
            return text
    return "it"
