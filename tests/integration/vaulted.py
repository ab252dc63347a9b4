# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Vaulted text in files that tests write with yaml.safe_dump."""

from __future__ import annotations

import yaml
from ansible.constants import DEFAULT_VAULT_ID_MATCH
from ansible.parsing.vault import VaultLib, VaultSecret

PASSWORD = "of the vault"


class Vaulted(str):
    """Text that goes into a file as an !vault scalar."""


def _vault_scalar(dumper: yaml.SafeDumper, value: Vaulted) -> yaml.Node:
    secret = VaultSecret(PASSWORD.encode())
    text = VaultLib([(DEFAULT_VAULT_ID_MATCH, secret)]).encrypt(value.encode(), secret=secret).decode()
    return dumper.represent_scalar("!vault", text, style="|")


yaml.SafeDumper.add_representer(Vaulted, _vault_scalar)
