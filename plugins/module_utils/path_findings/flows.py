# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flows that were tried from pods."""

from __future__ import annotations

from .sheet import Json, Sheet

#: What decides about a flow where nothing else was found.
UNREACHABLE_MEND = (
    "with the path whole, look at the target's security group, network ACL and host, and at firewall rules and network "
    "policies"
)


def judge_flow(sheet: Sheet, result: Json) -> bool:
    """One flow; returns whether it was run."""
    flow = result.get("item") or {}
    name = str(flow.get("name") or f"{flow.get('kind')} {flow.get('url') or flow.get('target')}")
    expected = str(flow.get("expect") or "reachable")
    code = (result.get("error") or {}).get("code")
    ran = bool(result.get("ran")) and code in (None, "not-as-expected")
    reachable = result.get("reachable")
    here = f"from {flow['cluster']}, " if flow.get("cluster") else ""
    if not ran or reachable is None:
        why = str(result.get("msg") or "the check gave no answer")
        if result.get("ran") is False and code is None:
            sheet.row("flow", name, "not run", f"{here}expected {expected}: check mode")
            sheet.unproven += 1
        else:
            sheet.row("flow", name, "not run", f"{here}expected {expected}")
            sheet.find("flow-not-run", name, f"{name}: {why}")
        return False
    seen = "reachable" if reachable else "unreachable"
    reason = "" if reachable else f": {result.get('reason') or 'no reason given'}"
    sheet.row("flow", name, seen, f"{here}expected {expected}{reason}")
    if expected not in ("any", seen):
        told = str(result.get("msg") or f"it is {seen}, and {expected} was expected")
        output = str(result.get("output") or "").strip()
        told = told.removesuffix(output).rstrip(". ") if output else told
        if reachable:
            sheet.find("flow-not-blocked", name, f"{name}: {told}")
        else:
            sheet.find("flow-unreachable", name, f"{name}: {told}", UNREACHABLE_MEND)
    return True
