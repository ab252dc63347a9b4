# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter over module_utils/path_findings/judge.py, documented in path_findings.yml beside this one."""

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError

from ..module_utils import bgp
from ..module_utils.path_findings.judge import judge
from ..module_utils.path_findings.sheet import Asked
from ..plugin_utils.jinja import plugin, truth


@plugin
def path_findings(
    value: t.Any,
    ranges: t.Any = (),
    redundancy: t.Any = False,
    planned: t.Any = False,
    router: str | None = None,
    vpn_gateway: str | None = None,
) -> dict[str, t.Any]:
    if not isinstance(value, t.Mapping):
        raise AnsibleFilterError(f"{value!r} is no readings: give a dictionary with routers, flows and so on")
    asked = Asked(
        ranges=tuple(bgp.asked_ranges(ranges)),
        redundancy=truth(redundancy, "redundancy"),
        planned=truth(planned, "planned"),
        router=router or None,
        vpn_gateway=vpn_gateway or None,
    )
    return judge(value, asked)


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"path_findings": path_findings}
