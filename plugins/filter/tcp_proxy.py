# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter over module_utils/tcp_proxy.py, documented in tcp_proxy_plan.yml beside this one."""

from __future__ import annotations

import typing as t

from ..module_utils.tcp_proxy import plan
from ..plugin_utils.jinja import plugin


@plugin
def tcp_proxy_plan(value: t.Any, health: t.Any = None, own_addresses: t.Any = ()) -> dict[str, t.Any]:
    return plan(value, health, [str(address) for address in own_addresses])


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"tcp_proxy_plan": tcp_proxy_plan}
