# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What readings of a path from pods mean: findings by cause, and a table of everything that was looked at.

Everything here is pure. :func:`judge` takes what modules such as router_status_info and pod_probe returned. What was
not read or not run is never taken for good: it is told, and keeps a report from being ``proven``.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ..errors import InvalidInput
from .amazon import Amazon
from .causes import READINGS, Causes
from .flows import failed, judge_flow, unreached, waiting, with_retries
from .google import Google, aws_ends
from .report import report
from .sheet import Asked, Json, Sheet


def judge(readings: Json, asked: Asked) -> dict[str, t.Any]:
    """The report on what was read.

    ``readings`` has ``routers``, ``tunnels`` and ``aws``, each a module's whole result, and ``flows``, ``again``,
    ``clusters``, ``peerings``, ``routes`` and ``masquerades``, each the results of a loop, failed or not; what was not
    looked at is missing or None. ``again`` is of ``waiting`` flows. Raises InvalidInput for anything else.
    """
    known = ("routers", "tunnels", "aws", "flows", "again", *READINGS)
    unknown = sorted(set(readings) - set(known))
    if unknown:
        there = f"{', '.join(known[:-1])} and {known[-1]}"
        raise InvalidInput(f"{unknown[0]}: there is no such reading; there are {there}")
    flows = with_retries(readings.get("flows") or [], readings.get("again") or [])
    # ansible_check_mode says nothing of a play's or task's own keyword, and a check that was not run does
    looks_ahead = any(item.get("ran") is False and not item.get("error") for item in flows)
    sheet = Sheet(dataclasses.replace(asked, planned=asked.planned or looks_ahead))
    # before ansible-core 2.19, nothing may be an empty text
    routers, tunnels, aws = (readings.get(name) or None for name in ("routers", "tunnels", "aws"))
    google = Google(sheet, routers, tunnels, aws_ends(aws))
    google.judge()
    if aws is not None:
        Amazon(sheet, aws, google).judge()
    missed = failed(flows)
    Causes(sheet, readings, google, aws).judge(missed)
    sound = sheet.sound
    ran = [judge_flow(sheet, item, sound=sound) for item in flows]
    return {
        **report(sheet, proven=bool(ran) and all(ran)),
        "unreached": unreached(missed),
        "waiting": waiting(missed, readings.get("masquerades") or []),
    }
