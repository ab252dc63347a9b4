# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials for a second project, where those of the task may not read or write it."""

from __future__ import annotations

import dataclasses
import typing as t

from ..arguments import Call
from .auth import AUTH_SPEC
from .client import Client

#: what says who asks, without the environment's defaults for the task's own
CREDENTIALS = (
    "auth_kind",
    "service_account_file",
    "service_account_contents",
    "service_account_email",
    "access_token",
    "scopes",
    "impersonate_service_account",
)
CREDENTIALS_OPTION: dict[str, t.Any] = {
    "type": "dict",
    "options": {
        name: {key: value for key, value in AUTH_SPEC.options[name].items() if key != "fallback"}
        for name in CREDENTIALS
    },
}


def other_client(
    call: Call, client: Client, option: str, services: t.Sequence[str] = ("compute", "container")
) -> Client:
    """The client of the other side: the same one, unless ``option`` gives other credentials for it."""
    given = {name: value for name, value in (call.params.get(option) or {}).items() if value}
    if not given:
        return client
    # who else is to be asked for, as the same one or as another
    forgotten = CREDENTIALS if given.keys() - {"scopes", "impersonate_service_account"} else CREDENTIALS[-1:]
    nobody: dict[str, t.Any] = dict.fromkeys(forgotten)
    params = {**call.params, **nobody, **given, "projects": client.projects, "project": client.project}
    return Client.for_call(dataclasses.replace(call, params=params), services)
