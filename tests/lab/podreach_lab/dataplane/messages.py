# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes as the messages of rtnetlink(7). The words are pyroute2's; the sockets are the worker's."""

from __future__ import annotations

import ipaddress
import socket
import typing as t

from pyroute2.netlink import nlmsg
from pyroute2.netlink.rtnl.fibmsg import fibmsg
from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
from pyroute2.netlink.rtnl.rtmsg import rtmsg

from .changes import Change, Held
from .plan import End, Link, Route, Rule
from .wire import FIRST_NAMESPACE

# linux/netlink.h, linux/rtnetlink.h, linux/if.h
RTM_NEWLINK, RTM_DELLINK = 16, 17
RTM_NEWADDR, RTM_DELADDR = 20, 21
RTM_NEWROUTE, RTM_DELROUTE = 24, 25
RTM_NEWRULE, RTM_DELRULE = 32, 33
REQUEST, REPLACE, EXCLUSIVE, CREATE = 0x1, 0x100, 0x200, 0x400
IFF_UP, IFF_NOARP = 0x1, 0x80
AF_INET = 2
RTN_UNICAST, RTN_LOCAL, RTN_UNREACHABLE = 1, 2, 7
SCOPE_UNIVERSE, SCOPE_LINK, SCOPE_HOST, SCOPE_NOWHERE = 0, 253, 254, 255
TABLE_IN_ATTRIBUTE = 252
TO_TABLE = 1
PROTOCOL = 77
"""Marks our routes: a routing daemon in the namespace has its own."""
LOOPBACK_INDEX = 1
DOOMED_GROUP = 77

Attributes = list[tuple[str, t.Any]]


def encode(message: nlmsg, kind: int, how: int, number: int, attributes: Attributes, **fields: int) -> bytes:
    for name, value in fields.items():
        message[name] = value
    message["attrs"] = attributes
    message["header"]["type"] = kind
    message["header"]["flags"] = REQUEST | how
    message["header"]["sequence_number"] = number
    message.encode()
    return bytes(message.data)


def message(held: Held, change: Change, number: int) -> bytes:
    """One change as one message. Raises LookupError for a device that is not there, ValueError for no address."""
    what, item = change.what, change.item
    if what in ("create link", "delete link"):
        return link_message(held, change, number)
    if what in ("link up", "loopback up"):
        index = held.devices[item] if what == "link up" else LOOPBACK_INDEX
        flags = IFF_UP | (IFF_NOARP if what == "link up" else 0)
        return encode(ifinfmsg(), RTM_NEWLINK, 0, number, [], index=index, flags=flags, change=flags)
    if what in ("add address", "delete address"):
        return address_message(held, change, number)
    if what in ("set route", "delete route"):
        return route_message(held, change.namespace, what == "set route", item, number)
    return rule_message(what == "add rule", item, number)


def doomed_message(index: int, number: int) -> bytes:
    return encode(ifinfmsg(), RTM_NEWLINK, 0, number, [("IFLA_GROUP", DOOMED_GROUP)], index=index)


def delete_doomed_message(number: int) -> bytes:
    """Deletes all links of the group at once, for every deletion by itself waits until no packet is on its way."""
    return encode(ifinfmsg(), RTM_DELLINK, 0, number, [("IFLA_GROUP", DOOMED_GROUP)])


def link_message(held: Held, change: Change, number: int) -> bytes:
    link: Link = change.item
    if change.what == "delete link":
        return doomed_message(held.indexes[link][link.a.namespace != change.namespace], number)
    a, b = held.give_indexes(link)
    mac = "02:" + ":".join(f"{byte:02x}" for byte in a.to_bytes(5, "big"))
    common: Attributes = [("IFLA_ADDRESS", mac), ("IFLA_MTU", link.mtu)]
    peer = {
        "index": b,
        # Not up yet: that works only once the pair is complete.
        "flags": IFF_NOARP,
        "change": IFF_NOARP,
        "attrs": [
            ("IFLA_IFNAME", link.b.device),
            ("IFLA_NET_NS_FD", FIRST_NAMESPACE + held.number(link.b.namespace)),
            *common,
        ],
    }
    attributes = [
        ("IFLA_IFNAME", link.a.device),
        *common,
        (
            "IFLA_LINKINFO",
            {"attrs": [("IFLA_INFO_KIND", "veth"), ("IFLA_INFO_DATA", {"attrs": [("VETH_INFO_PEER", peer)]})]},
        ),
    ]
    flags = IFF_UP | IFF_NOARP
    return encode(ifinfmsg(), RTM_NEWLINK, CREATE | EXCLUSIVE, number, attributes, index=a, flags=flags, change=flags)


def device(held: Held, namespace: str, name: str) -> int:
    if name == "lo":
        return LOOPBACK_INDEX
    end = End(namespace, name)
    if end not in held.devices:
        raise LookupError(f"there is no device {name}")
    return held.devices[end]


def address_message(held: Held, change: Change, number: int) -> bytes:
    name, text = change.item
    address = ipaddress.IPv4Interface(text)
    adding = change.what == "add address"
    return encode(
        ifaddrmsg(),
        RTM_NEWADDR if adding else RTM_DELADDR,
        CREATE | REPLACE if adding else 0,
        number,
        [("IFA_LOCAL", str(address.ip)), ("IFA_ADDRESS", str(address.ip))],
        family=AF_INET,
        prefixlen=address.network.prefixlen,
        index=device(held, change.namespace, name),
        scope=SCOPE_UNIVERSE,
    )


def route_message(held: Held, namespace: str, adding: bool, route: Route, number: int) -> bytes:
    to = ipaddress.IPv4Network(route.to)
    attributes: Attributes = [("RTA_TABLE", route.table)]
    if to.prefixlen:
        attributes.append(("RTA_DST", str(to.network_address)))
    fields = {
        "family": AF_INET,
        "dst_len": to.prefixlen,
        "table": route.table if route.table < 256 else TABLE_IN_ATTRIBUTE,
        "proto": PROTOCOL,
    }
    if not adding:
        # The scope of a route is its next hop's; only "nowhere" matches any.
        return encode(rtmsg(), RTM_DELROUTE, 0, number, attributes, type=0, scope=SCOPE_NOWHERE, **fields)
    if route.source:
        attributes.append(("RTA_PREFSRC", route.source))
    hops = [(device(held, namespace, name), weight) for name, weight in route.hops]
    if len(hops) == 1:
        attributes.append(("RTA_OIF", hops[0][0]))
    elif hops:
        multipath = [{"oif": index, "hops": weight - 1, "flags": 0, "attrs": []} for index, weight in hops]
        attributes.append(("RTA_MULTIPATH", multipath))
    kind, scope = (RTN_UNICAST, SCOPE_LINK) if hops else (RTN_UNREACHABLE, SCOPE_UNIVERSE)
    if route.local:
        kind, scope = RTN_LOCAL, SCOPE_HOST
    return encode(rtmsg(), RTM_NEWROUTE, CREATE | REPLACE, number, attributes, type=kind, scope=scope, **fields)


def rule_message(adding: bool, rule: Rule, number: int) -> bytes:
    attributes: Attributes = [("FRA_PRIORITY", rule.priority), ("FRA_TABLE", rule.table)]
    lengths = {}
    if rule.device:
        attributes.append(("FRA_IIFNAME", rule.device))
    for text, name, field in ((rule.to, "FRA_DST", "dst_len"), (rule.source, "FRA_SRC", "src_len")):
        if text:
            found = ipaddress.IPv4Network(text)
            lengths[field] = found.prefixlen
            attributes.append((name, str(found.network_address)))
    if rule.protocol:
        attributes.append(("FRA_IP_PROTO", socket.getprotobyname(rule.protocol)))
    if rule.port:
        attributes.append(("FRA_DPORT_RANGE", f"{rule.port}:{rule.port}"))
    return encode(
        fibmsg(),
        RTM_NEWRULE if adding else RTM_DELRULE,
        CREATE | EXCLUSIVE if adding else 0,
        number,
        attributes,
        family=AF_INET,
        **lengths,
        table=rule.table if rule.table < 256 else TABLE_IN_ATTRIBUTE,
        action=TO_TABLE,
    )
