# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a VPN's tunnels and sessions really do: read, judged, and waited for."""

from __future__ import annotations

import dataclasses
import typing as t

from .. import bgp
from ..gcp.client import Client
from ..gcp.vpn_tunnels import REMEDIES
from .slots import Json, Slot

#: what to look at where a session does not come up although its tunnel is
SESSION_REMEDY = "Compare the addresses and AS numbers of both sides, and see whether both sessions are switched on."


@dataclasses.dataclass(frozen=True)
class State:
    """One slot as both ends see it. ``aws`` is AWS's word on the tunnel, ``None`` where AWS is not the peer."""

    tunnel: str = "missing"
    detail: str = ""
    session: str = "missing"
    up: bool = False
    learned: int = 0
    advertised: int = 0
    aws: str | None = None
    aws_words: str = ""
    #: the prefixes that the session advertises
    sent: tuple[str, ...] = ()

    @property
    def established(self) -> bool:
        return self.tunnel == "ESTABLISHED" and self.up

    def problems(self, slot: Slot, *, learned: int = 0, advertised: int = 0, both: bool = False) -> list[str]:
        """What the slot still lacks, in words with remedies. ``both``: at AWS's end too."""
        found = []
        if self.tunnel != "ESTABLISHED":
            detail = f" ({self.detail.rstrip('.')})" if self.detail else ""
            aws = f", AWS says {self.aws}: {self.aws_words or '-'}" if self.aws else ""
            found.append(
                f"tunnel {slot.tunnel} is {self.tunnel}{detail}{aws}. {REMEDIES.get(self.tunnel, '')}".rstrip()
            )
        if not self.up:
            remedy = f". {SESSION_REMEDY}" if not found else ""
            found.append(f"session {slot.session} is {self.session}{remedy}")
        elif self.learned < learned or self.advertised < advertised:
            found.append(
                f"session {slot.session} has learned {self.learned} prefixes and advertises {self.advertised}, before "
                f"it were {learned} and {advertised}"
            )
        if both and not found and self.aws not in (None, "UP"):
            found.append(f"AWS says of the other end of {slot.tunnel}: {self.aws}: {self.aws_words or '-'}")
        return found


def states(
    client: Client, where: str, router: str, slots: t.Sequence[Slot], connections: t.Sequence[Json] | None
) -> dict[str, State]:
    """Every slot's state by its tunnel's name. ``where`` is projects/P/regions/R; ``connections`` are AWS's."""
    status = client.get("compute", f"{where}/routers/{router}/getRouterStatus")
    peers = {peer.name: peer for peer in bgp.read(status).peers} if status else {}
    listed = {item["name"]: item for item in client.list_all("compute", f"{where}/vpnTunnels")}
    reports = {
        tunnel["outside_ip_address"]: tunnel for item in connections or [] for tunnel in item.get("tunnels") or []
    }
    found = {}
    for slot in slots:
        tunnel, peer = listed.get(slot.tunnel, {}), peers.get(slot.session)
        report = reports.get(tunnel.get("peerIp") or slot.end.ip_address, {})
        found[slot.tunnel] = State(
            tunnel=str(tunnel.get("status") or "missing"),
            detail=str(tunnel.get("detailedStatus") or ""),
            session=peer.condition if peer else "missing",
            up=bool(peer and peer.up),
            learned=(peer.num_learned_routes or 0) if peer else 0,
            advertised=len(peer.sent) if peer else 0,
            aws=None if connections is None else str(report.get("status") or "unknown"),
            aws_words=str(report.get("status_message") or ""),
            sent=peer.sent if peer else (),
        )
    return found
