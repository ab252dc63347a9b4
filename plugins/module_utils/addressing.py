# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""IPv4 arithmetic for GKE: what ranges are valid, what they hold, which overlap, and which are free.

Everything here is pure: strings and numbers go in, strings, numbers and findings come out. Ranges are strings in
CIDR notation (``10.1.0.0/24``), prefix lengths are plain integers (``24``). What cannot be worked with raises
:class:`AddressingError`; what can be worked with but is wrong or doubtful is returned as :class:`Finding`.

A word on "smallest" and "largest": they are always about the size of the **range**. The smallest range has the
largest prefix length (a /28 is smaller than a /14).

The rules come from these pages, named again where they are used:

* https://cloud.google.com/kubernetes-engine/docs/concepts/alias-ips
* https://cloud.google.com/kubernetes-engine/docs/how-to/flexible-pod-cidr
* https://cloud.google.com/vpc/docs/subnets
* https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_VpnTunnelOptionsSpecification.html
"""

from __future__ import annotations

import dataclasses
import ipaddress
import itertools
import typing as t

from .errors import InvalidInput

ALIAS_IPS = "https://cloud.google.com/kubernetes-engine/docs/concepts/alias-ips"
FLEXIBLE_POD_CIDR = "https://cloud.google.com/kubernetes-engine/docs/how-to/flexible-pod-cidr"
VPC_SUBNETS = "https://cloud.google.com/vpc/docs/subnets"
AWS_TUNNEL_OPTIONS = "https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_VpnTunnelOptionsSpecification.html"

#: The Services range that GKE itself provides. It is the same in every cluster, is never a subnet range and is never
#: advertised, so two clusters that use it do not overlap. Default since 1.29 (Standard) and 1.27 (Autopilot).
GKE_DEFAULT_SERVICES_RANGE = "34.118.224.0/20"
#: What an auto-mode network's subnets take their ranges from (https://cloud.google.com/vpc/docs/vpc-peering).
AUTO_MODE_RANGE = "10.128.0.0/9"
#: The bridge that Docker makes on a node: the node delivers what goes there to itself.
DOCKER_BRIDGE_RANGE = "172.17.0.0/16"
#: Addresses of a subnet's primary range that Google keeps: network, gateway, second-to-last and broadcast.
RESERVED_IN_PRIMARY = 4

DEFAULT_MAX_PODS = 110
#: Fewest and most pods that GKE lets a node have (https://cloud.google.com/kubernetes-engine/docs/how-to/flexible-pod-cidr).
SMALLEST_MAX_PODS = 8
LARGEST_MAX_PODS = 256
#: In a routes-based cluster every node gets a /24, and the Services are the last /20 of the cluster's range.
ROUTES_BASED_NODE_PREFIX = 24
ROUTES_BASED_SERVICES_PREFIX = 20

Severity = t.Literal["error", "warning"]
Space = t.Literal["private", "special-use", "public", "prohibited"]


class AddressingError(InvalidInput):
    """An input that no answer can be given for.

    Codes: ``range-syntax`` (no range in CIDR notation), ``range-host-bits``, ``range-ipv6``, ``range-mask`` (no prefix
    length, or one that the calculation cannot use), ``range-too-small`` (it does not hold what is asked for),
    ``max-pods``, ``node-count``, ``unknown-profile``, ``unknown-purpose``.
    """

    code = "range-syntax"


@dataclasses.dataclass(frozen=True)
class Finding:
    """Something to tell the user about an input that can be understood.

    ``error`` means that Google or Amazon would refuse it or that it could not work; ``warning`` that it may be so.
    """

    severity: Severity
    code: str
    message: str


def _at(where: str, message: str) -> str:
    return f"{where}: {message}" if where else message


def _listed(names: t.Iterable[str]) -> str:
    return ", ".join(sorted(names))


# ---------------------------------------------------------------------------------------------------------------------
# Reading ranges and prefix lengths


def parse(cidr: str, *, where: str = "") -> ipaddress.IPv4Network:
    """Read one IPv4 range, strictly: only the canonical spelling ``a.b.c.d/n`` without host bits is taken.

    ``where`` says where the value stands (an option, a file and key, a resource); it begins the error's message.
    Raises AddressingError with code range-syntax, range-host-bits or range-ipv6; its message says what to write.
    """
    if not isinstance(cidr, str):
        raise AddressingError(_at(where, f"{cidr!r} is not an IPv4 range; write a string such as '10.1.0.0/24'"))
    text = cidr.strip()
    if not text:
        raise AddressingError(_at(where, "the range is empty; write an IPv4 range such as '10.1.0.0/24'"))
    try:
        network = ipaddress.IPv4Network(text, strict=False)
    except ValueError as exc:
        if _is_ipv6(text):
            raise AddressingError(
                _at(where, f"'{cidr}' is IPv6; write an IPv4 range such as '10.1.0.0/24'"), code="range-ipv6"
            ) from exc
        raise AddressingError(
            _at(where, f"'{cidr}' is not an IPv4 range; write an address and a prefix length, such as '10.1.0.0/24'")
        ) from exc
    canonical = str(network)
    if canonical == cidr:
        return network
    if "/" not in text:
        raise AddressingError(
            _at(where, f"'{cidr}' has no prefix length; did you mean {_likely_range(network.network_address)}?")
        )
    if ipaddress.IPv4Address(text.split("/")[0]) != network.network_address:
        raise AddressingError(
            _at(where, f"'{cidr}' has host bits set; did you mean {canonical}?"), code="range-host-bits"
        )
    raise AddressingError(_at(where, f"'{cidr}' is not in CIDR notation; did you mean {canonical}?"))


def _is_ipv6(text: str) -> bool:
    try:
        ipaddress.IPv6Network(text, strict=False)
    except ValueError:
        return False
    return True


def _likely_range(address: ipaddress.IPv4Address) -> str:
    """What somebody who wrote a bare address most likely meant: a /24 when it ends in .0, else the one address."""
    return f"{address}/{24 if int(address) % 256 == 0 else 32}"


def prefix_length(value: int | str, *, where: str = "") -> int:
    """The prefix length that ``value`` states: ``14``, ``"14"``, ``"/14"`` and ``"10.0.0.0/14"`` all give 14.

    Raises AddressingError: range-mask where it is no number from 0 to 32, or what :func:`parse` raises for a range.
    """
    length: int | None = None
    if isinstance(value, int) and not isinstance(value, bool):
        length = int(value)
    elif isinstance(value, str):
        digits = value.strip()
        digits = digits.removeprefix("/")
        if digits.isascii() and digits.isdigit():
            length = int(digits)
        else:
            return parse(value, where=where).prefixlen
    if length is None or not 0 <= length <= 32:
        raise AddressingError(
            _at(where, f"{value!r} is not a prefix length; write a whole number from 0 to 32"), code="range-mask"
        )
    return length


def addresses(prefix: int) -> int:
    """How many addresses a range with this prefix length has (16 for a /28)."""
    return 1 << (32 - prefix_length(prefix))


def _bits_for(count: int) -> int:
    """The fewest bits that number ``count`` things: ceil(log2(count)), exact for any size."""
    return (count - 1).bit_length()


# ---------------------------------------------------------------------------------------------------------------------
# Limits on prefix lengths


@dataclasses.dataclass(frozen=True)
class MaskLimits:
    """Prefix lengths for one purpose: what is taken when nothing is said, and the smallest and largest **range**.

    ``smallest`` is therefore the largest prefix length that is allowed, ``largest`` the smallest one.
    ``smallest_managed`` is the smallest range that GKE creates by itself (``/NN`` instead of a named secondary range).
    ``authority`` is ``binding`` where going beyond them is an error, ``third-party`` where the vendor's own page could
    not be checked and doubt remains: then it is a warning only.
    """

    default: int
    smallest: int
    largest: int
    authority: t.Literal["binding", "third-party"]
    source: str
    smallest_managed: int | None = None


_NODES = MaskLimits(20, 29, 8, "third-party", VPC_SUBNETS)

#: Profile -> purpose -> limits. ``nodes`` is a subnet's primary range, ``pods`` and ``services`` are a VPC-native
#: cluster's ranges. ``today`` is what is known of Google's present limits; ``gke-2018`` is the table of 2018 and binds.
PROFILES: dict[str, dict[str, MaskLimits]] = {
    "today": {
        "nodes": _NODES,
        "pods": MaskLimits(14, 28, 9, "third-party", ALIAS_IPS, smallest_managed=21),
        "services": MaskLimits(20, 28, 16, "third-party", ALIAS_IPS, smallest_managed=27),
    },
    "gke-2018": {
        "nodes": _NODES,
        "pods": MaskLimits(14, 19, 11, "binding", ALIAS_IPS + " as of 2018"),
        "services": MaskLimits(20, 22, 18, "binding", ALIAS_IPS + " as of 2018"),
    },
}
DEFAULT_PROFILE = "today"


def mask_limits(purpose: str, profile: str = DEFAULT_PROFILE) -> MaskLimits:
    """The limits of one purpose in one profile. Raises AddressingError (unknown-profile, unknown-purpose)."""
    if profile not in PROFILES:
        raise AddressingError(f"{profile!r} is not a profile; use one of: {_listed(PROFILES)}", code="unknown-profile")
    purposes = PROFILES[profile]
    if purpose not in purposes:
        raise AddressingError(
            f"{purpose!r} is not a purpose of a range; use one of: {_listed(purposes)}", code="unknown-purpose"
        )
    return purposes[purpose]


def check_mask(
    prefix: int, purpose: str, profile: str = DEFAULT_PROFILE, *, managed: bool = False, where: str = ""
) -> list[Finding]:
    """Is this prefix length within the limits? At most one finding, code ``range-mask``.

    ``managed`` says that GKE creates the range (only its size is given), which has a stricter smallest size.
    Raises AddressingError where ``prefix`` is no prefix length or profile or purpose are unknown.
    """
    prefix = prefix_length(prefix, where=where)
    limits = mask_limits(purpose, profile)
    smallest = limits.smallest_managed if managed and limits.smallest_managed is not None else limits.smallest
    if limits.largest <= prefix <= smallest:
        return []
    binding = limits.authority == "binding"
    wrong = "too small" if prefix > smallest else "too large"
    todo = "choose one between them" if binding else "Google may refuse it, choose one between them to be sure"
    message = (
        f"/{prefix} is {wrong} for a {purpose} range: profile {profile} allows /{smallest} (smallest) to "
        f"/{limits.largest} (largest); {todo} (see {limits.source})"
    )
    return [Finding("error" if binding else "warning", "range-mask", _at(where, message))]


# ---------------------------------------------------------------------------------------------------------------------
# What a range holds


def _whole_number(value: int, code: str, what: str, smallest: int = 1) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < smallest:
        raise AddressingError(f"{value!r} is not a {what}; write a whole number from {smallest} up", code=code)
    return int(value)


def check_max_pods(max_pods: int, *, routes_based: bool = False, where: str = "") -> list[Finding]:
    """Findings about a wanted number of pods per node, code ``max-pods``.

    A warning below 8 and above 256, the bounds that GKE documents; an error where a routes-based cluster asks for
    anything but 110, because GKE cannot set it there ("only VPC-native").
    Source: https://cloud.google.com/kubernetes-engine/docs/how-to/flexible-pod-cidr
    """
    max_pods = _whole_number(max_pods, "max-pods", "number of pods per node")
    if routes_based and max_pods != DEFAULT_MAX_PODS:
        message = (
            f"{max_pods} pods per node cannot be had in a routes-based cluster; leave it at {DEFAULT_MAX_PODS} or use "
            "a VPC-native one"
        )
        return [Finding("error", "max-pods", _at(where, message))]
    if not SMALLEST_MAX_PODS <= max_pods <= LARGEST_MAX_PODS:
        message = (
            f"{max_pods} pods per node is outside what GKE documents; choose {SMALLEST_MAX_PODS} to "
            f"{LARGEST_MAX_PODS} (see {FLEXIBLE_POD_CIDR})"
        )
        return [Finding("warning", "max-pods", _at(where, message))]
    return []


def pod_cidr_mask(max_pods: int = DEFAULT_MAX_PODS, overprovision: bool = True) -> int:
    """The prefix length of the pod range that each node of a VPC-native cluster gets.

    Google rounds ``max_pods`` up to a power of two and doubles that (30 pods: 64 addresses, /26); with overprovisioning
    off it does not double (/27). :func:`check_max_pods` tells whether GKE takes the number at all.
    Source: podCidrOverprovisionConfig in https://cloud.google.com/kubernetes-engine/docs/reference/rest/v1/projects.locations.clusters
    Raises AddressingError (max-pods) where it is no positive whole number or more than IPv4 can number.
    """
    mask = 32 - _bits_for(_whole_number(max_pods, "max-pods", "number of pods per node")) - (1 if overprovision else 0)
    if mask < 0:
        raise AddressingError(f"{max_pods} pods per node is more than IPv4 has addresses for", code="max-pods")
    return mask


def max_nodes_vpc_native(pods_prefix: int, max_pods: int = DEFAULT_MAX_PODS, overprovision: bool = True) -> int:
    """How many nodes a VPC-native cluster's pod range serves; 0 where it is too small for one.

    Source: https://cloud.google.com/kubernetes-engine/docs/concepts/alias-ips
    """
    spare_bits = pod_cidr_mask(max_pods, overprovision) - prefix_length(pods_prefix)
    return 1 << spare_bits if spare_bits >= 0 else 0


def max_nodes_routes_based(pods_prefix: int = 14) -> int:
    """How many nodes a routes-based cluster's range serves; 0 where it is too small for one (/20 and smaller).

    The Services take the range's last /20, each node a /24 of the rest: 1008 nodes in a /14, 240 in a /16, as gcloud
    says when it creates such a cluster ("can accommodate at most 240 node(s)").
    """
    for_nodes = addresses(pods_prefix) - addresses(ROUTES_BASED_SERVICES_PREFIX)
    return max(0, for_nodes // addresses(ROUTES_BASED_NODE_PREFIX))


def pods_prefix_for_nodes(
    nodes: int, max_pods: int = DEFAULT_MAX_PODS, routes_based: bool = False, *, overprovision: bool = True
) -> int:
    """The prefix length of the smallest pod range (routes-based: cluster range) that serves ``nodes`` nodes.

    ``nodes`` counts the whole cluster: a regional cluster's node count per zone times its zones.
    Raises AddressingError: node-count, max-pods, or range-too-small where all of IPv4 would not do.
    """
    nodes = _whole_number(nodes, "node-count", "number of nodes")
    if routes_based:
        _require_routes_based_max_pods(max_pods)
        prefix = 32 - _bits_for(nodes * addresses(ROUTES_BASED_NODE_PREFIX) + addresses(ROUTES_BASED_SERVICES_PREFIX))
    else:
        prefix = pod_cidr_mask(max_pods, overprovision) - _bits_for(nodes)
    if prefix < 0:
        raise AddressingError(
            f"no IPv4 range holds {nodes} nodes of {max_pods} pods; ask for fewer", code="range-too-small"
        )
    return prefix


def _require_routes_based_max_pods(max_pods: int) -> None:
    for finding in check_max_pods(max_pods, routes_based=True):
        if finding.severity == "error":
            raise AddressingError(finding.message, code=finding.code)


@dataclasses.dataclass(frozen=True)
class Capacity:
    """What a pod range serves: nodes, pods on all of them together, and the prefix length of each node's share."""

    nodes: int
    pods: int
    per_node_prefix: int


def capacity(
    cidr_or_prefix: int | str,
    max_pods: int = DEFAULT_MAX_PODS,
    routes_based: bool = False,
    *,
    overprovision: bool = True,
) -> Capacity:
    """What a VPC-native cluster's pod range, or a routes-based cluster's range, serves.

    Takes a range, or its prefix length as :func:`prefix_length` reads it. All zero where it is too small for a node.
    Raises AddressingError for what is neither, and max-pods.
    """
    prefix = prefix_length(cidr_or_prefix)
    if routes_based:
        _require_routes_based_max_pods(max_pods)
        nodes, mask = max_nodes_routes_based(prefix), ROUTES_BASED_NODE_PREFIX
    else:
        nodes, mask = max_nodes_vpc_native(prefix, max_pods, overprovision), pod_cidr_mask(max_pods, overprovision)
    return Capacity(nodes=nodes, pods=nodes * max_pods, per_node_prefix=mask)


def routes_based_services_range(cluster_cidr: str) -> str:
    """The Services range of a routes-based cluster: the last /20 of its range.

    Raises AddressingError (range-too-small) for a range that would leave no room for a node.
    """
    network = parse(cluster_cidr)
    if max_nodes_routes_based(network.prefixlen) == 0:
        raise AddressingError(
            f"{network} holds no node of a routes-based cluster, whose Services alone take a /20; use a /19 or larger",
            code="range-too-small",
        )
    last = int(network.broadcast_address) - addresses(ROUTES_BASED_SERVICES_PREFIX) + 1
    return f"{ipaddress.IPv4Address(last)}/{ROUTES_BASED_SERVICES_PREFIX}"


# ---------------------------------------------------------------------------------------------------------------------
# A subnet's primary range


def usable_addresses(primary_cidr: str) -> int:
    """How many addresses of a subnet's primary range nodes and others can have: all but Google's four.

    Secondary ranges have no reserved addresses: use :func:`addresses` for them.
    Source: https://cloud.google.com/vpc/docs/subnets
    """
    return max(0, addresses(parse(primary_cidr).prefixlen) - RESERVED_IN_PRIMARY)


def nodes_prefix_for(nodes: int) -> int:
    """The prefix length of the smallest primary range that has an address for each of ``nodes`` nodes.

    Never smaller than a /29. Internal load balancers and other machines of the subnet take addresses of it too.
    Raises AddressingError: node-count, or range-too-small where all of IPv4 would not do.
    """
    prefix = 32 - _bits_for(_whole_number(nodes, "node-count", "number of nodes") + RESERVED_IN_PRIMARY)
    if prefix < 0:
        raise AddressingError(f"no IPv4 range holds {nodes} nodes; ask for fewer", code="range-too-small")
    return prefix


def gateway_address(primary_cidr: str) -> str:
    """The address that Google gives to the subnet's gateway: the first host of its primary range.

    Raises AddressingError (range-too-small) for a range too small to have one.
    """
    return reserved_addresses(primary_cidr)[1]


def reserved_addresses(primary_cidr: str) -> tuple[str, str, str, str]:
    """The four addresses of a primary range that Google keeps: network, gateway, second-to-last, broadcast.

    Raises AddressingError (range-too-small) where the range has no more than these.
    """
    network = parse(primary_cidr)
    if network.num_addresses <= RESERVED_IN_PRIMARY:
        raise AddressingError(
            f"{network} is too small for a primary range, Google keeps four addresses of it; use a /29 or larger",
            code="range-too-small",
        )
    return (str(network[0]), str(network[1]), str(network[-2]), str(network[-1]))


# ---------------------------------------------------------------------------------------------------------------------
# Overlap


@dataclasses.dataclass(frozen=True)
class Range:
    """A range and where it comes from.

    ``label`` names a resource, or a file and key, in messages. Ranges with the same ``cidr`` and the same
    ``shared_key`` are one range used twice, for example the Services range that two clusters of a subnet share.
    """

    cidr: str
    label: str
    shared_key: str | None = None


def overlaps(ranges: t.Iterable[Range]) -> list[tuple[Range, Range]]:
    """All pairs that overlap, except for ranges that are shared on purpose.

    Exempt are the same range with the same ``shared_key``, and GKE's default Services range against itself.
    The larger range of a pair comes first (as given, where both are equal); pairs are in the order of addresses.
    Takes n log n steps plus one per pair. Raises AddressingError for a bad range, naming its label.
    """
    entries = []
    for index, item in enumerate(ranges):
        network = parse(item.cidr, where=item.label)
        shared = item.shared_key
        if item.cidr == GKE_DEFAULT_SERVICES_RANGE:
            shared = "\0" + GKE_DEFAULT_SERVICES_RANGE
        first, last = int(network.network_address), int(network.broadcast_address)
        entries.append(((first, -last, shared is not None, shared or ""), index, item))
    entries.sort(key=lambda entry: entry[:2])

    found: list[tuple[Range, Range]] = []
    # CIDR blocks nest or are disjoint. So, in order of their first address, the groups on this stack whose end is not
    # yet passed are exactly those that hold the next one.
    open_groups: list[tuple[int, list[Range]]] = []
    for key, group in itertools.groupby(entries, key=lambda entry: entry[0]):
        first, last, is_shared = key[0], -key[1], key[2]
        members = [entry[2] for entry in group]
        while open_groups and open_groups[-1][0] < first:
            open_groups.pop()
        for holder in open_groups:
            found.extend(itertools.product(holder[1], members))
        if not is_shared:
            found.extend(itertools.combinations(members, 2))
        open_groups.append((last, members))
    return found


def overlap_message(one: Range, other: Range) -> str:
    """What to tell a user about a pair of :func:`overlaps`."""
    names = [item.cidr if item.label == item.cidr else f"{item.label} ({item.cidr})" for item in (one, other)]
    return f"{names[0]} and {names[1]} overlap; give one of them another range"


def overlap_findings(ranges: t.Iterable[Range]) -> list[Finding]:
    """One error finding, code ``range-overlap``, for each pair of :func:`overlaps`."""
    return [Finding("error", "range-overlap", overlap_message(one, other)) for one, other in overlaps(ranges)]


# ---------------------------------------------------------------------------------------------------------------------
# Free space


def _gaps(within: ipaddress.IPv4Network, used: t.Iterable[str]) -> t.Iterator[tuple[int, int]]:
    """First and last address of each stretch of ``within`` that no used range touches, in order."""
    position, end = int(within.network_address), int(within.broadcast_address)
    taken = sorted((int(net.network_address), int(net.broadcast_address)) for net in map(parse, used))
    for first, last in taken:
        if first > end:
            break
        if first > position:
            yield position, first - 1
        position = max(position, last + 1)
    if position <= end:
        yield position, end


def free_blocks(within: str, used: t.Iterable[str]) -> list[str]:
    """What of ``within`` is free, as the fewest possible aligned ranges, in order of addresses.

    Used ranges may overlap one another and may lie partly or wholly outside.
    """
    blocks: list[str] = []
    for first, last in _gaps(parse(within), used):
        pieces = ipaddress.summarize_address_range(ipaddress.IPv4Address(first), ipaddress.IPv4Address(last))
        blocks.extend(str(piece) for piece in pieces)
    return blocks


def next_free(within: str, prefix: int, used: t.Iterable[str]) -> str:
    """The first aligned range of this prefix length inside ``within`` that touches no used range.

    Raises AddressingError (range-too-small) where there is none; its message names the largest free range.
    """
    outer = parse(within)
    size = addresses(prefix)
    taken = list(used)
    for first, last in _gaps(outer, taken):
        start = -(-first // size) * size
        if start + size - 1 <= last:
            return f"{ipaddress.IPv4Address(start)}/{prefix}"
    blocks = free_blocks(within, taken)
    if not blocks:
        raise AddressingError(
            f"no free /{prefix} in {outer}: all of it is used; give another range to take from", code="range-too-small"
        )
    largest = min(blocks, key=lambda block: parse(block).prefixlen)
    raise AddressingError(
        f"no free /{prefix} in {outer}: the largest free range is {largest}; ask for a smaller one or give more space",
        code="range-too-small",
    )


# ---------------------------------------------------------------------------------------------------------------------
# Kinds of address space

_PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")
_SPECIAL_USE = (
    "100.64.0.0/10",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "240.0.0.0/4",
)
#: What no subnet range may touch, and why (https://cloud.google.com/vpc/docs/subnets).
PROHIBITED: dict[str, str] = {
    "0.0.0.0/8": "this network",
    "127.0.0.0/8": "loopback",
    "169.254.0.0/16": "link-local",
    "224.0.0.0/4": "multicast",
    "255.255.255.255/32": "limited broadcast",
    "199.36.153.4/30": "Private Google Access, restricted.googleapis.com",
    "199.36.153.8/30": "Private Google Access, private.googleapis.com",
}
_PRIVATE_NETWORKS = tuple(map(ipaddress.IPv4Network, _PRIVATE))
_SPECIAL_USE_NETWORKS = tuple(map(ipaddress.IPv4Network, _SPECIAL_USE))
_PROHIBITED_NETWORKS = tuple((ipaddress.IPv4Network(block), use) for block, use in PROHIBITED.items())


def space(cidr: str) -> Space:
    """What kind of address space a range lies in, as Google's VPC sees it.

    ``prohibited`` where any of it touches what no subnet may have; ``private`` for RFC 1918, ``special-use`` for the
    other ranges that a VPC takes as private (100.64.0.0/10, 240.0.0.0/4 and so on), each only where the whole range
    lies in one such block; else ``public``, which a VPC may use privately but treats differently.
    Source: https://cloud.google.com/vpc/docs/subnets
    """
    network = parse(cidr)
    if any(network.overlaps(block) for block, _use in _PROHIBITED_NETWORKS):
        return "prohibited"
    if any(network.subnet_of(block) for block in _PRIVATE_NETWORKS):
        return "private"
    if any(network.subnet_of(block) for block in _SPECIAL_USE_NETWORKS):
        return "special-use"
    return "public"


def is_within(cidr: str, outer: t.Iterable[str]) -> bool:
    """Does the whole range lie inside one of ``outer``?"""
    network = parse(cidr)
    return any(network.subnet_of(parse(item)) for item in outer)


def check_subnet_range(cidr: str, *, auto_mode: bool = False, where: str = "") -> list[Finding]:
    """Findings about a subnet's primary or secondary range.

    * error ``range-prohibited``: it touches space that Google allows to no subnet.
    * error ``range-overlap``: it touches 10.128.0.0/9 while ``auto_mode`` says that the network is, or is peered
      with, one in auto mode.
    * warning ``gke-default-services-overlap``: pods of clusters with the default Services range cannot reach it.
    * warning ``range-public``: public addresses used privately; peering does not import them by default and GKE
      masquerades traffic to them by default.

    Sources: https://cloud.google.com/vpc/docs/subnets and https://cloud.google.com/vpc/docs/vpc-peering
    Raises AddressingError where it is no range.
    """
    network = parse(cidr, where=where)
    found = []
    for block, use in _PROHIBITED_NETWORKS:
        if network.overlaps(block):
            message = f"{network} touches {block} ({use}), which no subnet may use; choose another range"
            found.append(Finding("error", "range-prohibited", _at(where, message)))
    if auto_mode and network.overlaps(ipaddress.IPv4Network(AUTO_MODE_RANGE)):
        message = (
            f"{network} touches {AUTO_MODE_RANGE}, which auto-mode networks take their subnets from; choose a range "
            "outside it"
        )
        found.append(Finding("error", "range-overlap", _at(where, message)))
    found.extend(_default_services_findings(network, where))
    if space(cidr) == "public":
        message = (
            f"{network} holds public addresses: a peered network must import them explicitly "
            "(import_subnet_routes_with_public_ip), and GKE masquerades traffic to them by default"
        )
        found.append(Finding("warning", "range-public", _at(where, message)))
    return found


def check_destination(cidr: str, *, where: str = "") -> list[Finding]:
    """Findings about a range that pods or nodes shall reach: what a node keeps for itself hides it.

    * warning ``docker-bridge-overlap``: a node with a Docker bridge delivers 172.17.0.0/16 to itself.
    * warning ``gke-default-services-overlap``: GKE's default Services range is answered inside each cluster.

    A bare address counts as its /32. Raises AddressingError where it is neither an address nor a range.
    """
    network = parse(cidr if "/" in cidr else f"{cidr}/32", where=where)
    found = []
    if network.overlaps(ipaddress.IPv4Network(DOCKER_BRIDGE_RANGE)):
        message = (
            f"{network} touches {DOCKER_BRIDGE_RANGE}, the Docker bridge of a node: nodes that have one cannot "
            "reach it; use another range"
        )
        found.append(Finding("warning", "docker-bridge-overlap", _at(where, message)))
    found.extend(_default_services_findings(network, where))
    return found


def _default_services_findings(network: ipaddress.IPv4Network, where: str) -> list[Finding]:
    if not network.overlaps(ipaddress.IPv4Network(GKE_DEFAULT_SERVICES_RANGE)):
        return []
    message = (
        f"{network} touches {GKE_DEFAULT_SERVICES_RANGE}, GKE's default Services range: pods of clusters that use it "
        "may not get there; choose another range"
    )
    return [Finding("warning", "gke-default-services-overlap", _at(where, message))]


# ---------------------------------------------------------------------------------------------------------------------
# A VPN tunnel's inside range

_LINK_LOCAL = ipaddress.IPv4Network("169.254.0.0/16")
#: What Amazon refuses as inside range (API_VpnTunnelOptionsSpecification). The last one also holds the metadata server.
AWS_RESERVED_INSIDE_RANGES = (
    "169.254.0.0/30",
    "169.254.1.0/30",
    "169.254.2.0/30",
    "169.254.3.0/30",
    "169.254.4.0/30",
    "169.254.5.0/30",
    "169.254.169.252/30",
)


@dataclasses.dataclass(frozen=True)
class InsideAddresses:
    """The two ends of a tunnel, as plain addresses."""

    aws: str
    google: str


def inside_addresses(cidr: str) -> InsideAddresses:
    """Who has which address of a tunnel's inside range: Amazon the first host, the customer gateway the second.

    Once the connection exists, what Amazon's API says counts. Raises AddressingError (range-mask) where it is no /30.
    """
    network = parse(cidr)
    if network.prefixlen != 30:
        raise AddressingError(_not_a_slash_30(network), code="range-mask")
    return InsideAddresses(aws=str(network[1]), google=str(network[2]))


def check_inside_cidr(cidr: str, *, where: str = "") -> list[Finding]:
    """Would Amazon take this inside range? Error findings: range-mask, inside-not-link-local, inside-reserved.

    Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_VpnTunnelOptionsSpecification.html
    Raises AddressingError where it is no range.
    """
    network = parse(cidr, where=where)
    found = []
    if network.prefixlen != 30:
        found.append(Finding("error", "range-mask", _at(where, _not_a_slash_30(network))))
    if not network.subnet_of(_LINK_LOCAL):
        message = (
            f"{network} is not inside {_LINK_LOCAL}, where a tunnel's inside range must be; use one such as "
            "169.254.24.220/30"
        )
        found.append(Finding("error", "inside-not-link-local", _at(where, message)))
    reserved = [block for block in AWS_RESERVED_INSIDE_RANGES if network.overlaps(ipaddress.IPv4Network(block))]
    if reserved:
        message = (
            f"{network} touches {', '.join(reserved)}, which Amazon reserves; use another such as 169.254.24.220/30"
        )
        found.append(Finding("error", "inside-reserved", _at(where, message)))
    return found


def _not_a_slash_30(network: ipaddress.IPv4Network) -> str:
    meant = ipaddress.IPv4Network((network.network_address, 30), strict=False)
    return f"{network} is not a /30, the only size of a tunnel's inside range; did you mean {meant}?"


# ---------------------------------------------------------------------------------------------------------------------
# Ranges as people write them

_RANGE_KEYS = ("ip_cidr_range", "ipCidrRange", "range", "cidr")
_NAME_KEYS = ("range_name", "rangeName", "name", "label")
_NESTED_KEYS = ("secondary_ip_ranges", "secondaryIpRanges")


def own_range(value: t.Any, *, where: str = "") -> str:
    """The one range that ``value`` is: a string, or a dict that has one (a subnetwork, a secondary range).

    Keys as in this collection's modules (``ip_cidr_range``, ``range``), in Google's API (``ipCidrRange``), or ``cidr``.
    Raises AddressingError (range-syntax) for anything else.
    """
    if isinstance(value, str):
        return str(parse(value, where=where))
    if isinstance(value, t.Mapping):
        for key in _RANGE_KEYS:
            if value.get(key) is not None:
                return str(parse(value[key], where=_path(where, key)))
    raise AddressingError(
        _at(
            where,
            f"{value!r} is not one IPv4 range; give a string such as '10.1.0.0/24' or a dict with ip_cidr_range",
        )
    )


def as_ranges(value: t.Any, *, where: str = "") -> list[Range]:
    """All ranges in what a user or an API wrote, in order, each labelled by where it stands.

    Takes a string, a :class:`Range`, a subnetwork or secondary range as a dict (with its ``secondary_ip_ranges``, and
    an optional ``shared_key``), a dict of any of these by name, and lists of all of them, nested as they may be.
    Raises AddressingError (range-syntax) for anything else, naming its place.
    """
    if isinstance(value, Range):
        return [value]
    if isinstance(value, str):
        return [Range(str(parse(value, where=where)), where or value)]
    if isinstance(value, t.Mapping):
        return _ranges_of_mapping(value, where)
    if isinstance(value, t.Iterable):
        return [
            found for index, item in enumerate(value) for found in as_ranges(item, where=_item_path(where, index, item))
        ]
    raise AddressingError(
        _at(
            where,
            f"{value!r} is not a range; give a string such as '10.1.0.0/24', a dict with ip_cidr_range, or a list",
        )
    )


def _ranges_of_mapping(value: t.Mapping[t.Any, t.Any], where: str) -> list[Range]:
    own = [key for key in _RANGE_KEYS if value.get(key) is not None]
    nested = [key for key in _NESTED_KEYS if value.get(key) is not None]
    if not own and not nested:
        return [found for name, item in value.items() for found in as_ranges(item, where=_path(where, str(name)))]
    found = []
    if own:
        shared = value.get("shared_key")
        cidr = str(parse(value[own[0]], where=where or own[0]))
        found.append(Range(cidr, where or _name(value) or cidr, None if shared is None else str(shared)))
    for key in nested:
        found.extend(as_ranges(value[key], where=where))
    return found


def _name(value: t.Any) -> str:
    if isinstance(value, t.Mapping):
        for key in _NAME_KEYS:
            if isinstance(value.get(key), str) and value[key]:
                return str(value[key])
    return ""


def _path(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _item_path(where: str, index: int, item: t.Any) -> str:
    """An item of a list is best known by its name; one without a name by its place, a bare range by itself."""
    name = _name(item)
    if name:
        return _path(where, name)
    if where:
        return f"{where}[{index}]"
    return "" if isinstance(item, str) else f"[{index}]"
