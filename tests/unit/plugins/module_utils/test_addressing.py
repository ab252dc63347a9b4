# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""module_utils/addressing.py, by properties that must hold for all input and by tables of known answers."""

from __future__ import annotations

import dataclasses
import ipaddress
import itertools
import math
import time
import typing as t

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ansible_collections.podreach.gke.plugins.module_utils import addressing
from ansible_collections.podreach.gke.plugins.module_utils.addressing import AddressingError, Range
from ansible_collections.podreach.gke.plugins.module_utils.errors import InvalidInput

# How long one example takes says nothing on a busy machine.
settings.register_profile("podreach", deadline=None)
settings.load_profile("podreach")

PREFIXES = st.integers(0, 32)
MAX_PODS = st.integers(1, 4096)


@st.composite
def networks(draw: st.DrawFn, prefixes: st.SearchStrategy[int] = PREFIXES) -> ipaddress.IPv4Network:
    """Any network."""
    return ipaddress.IPv4Network((draw(st.integers(0, 2**32 - 1)), draw(prefixes)), strict=False)


@st.composite
def crowded(draw: st.DrawFn) -> str:
    """A range of 10.0.0.0/24, so that several of them often overlap."""
    first = draw(st.integers(0, 255))
    return str(ipaddress.IPv4Network((0x0A000000 + first, draw(st.integers(24, 32))), strict=False))


CIDRS = networks().map(str)


def codes(findings: t.Iterable[addressing.Finding]) -> list[tuple[str, str]]:
    return [(finding.severity, finding.code) for finding in findings]


# --- parse ---


@given(networks())
def test_parse_takes_every_canonical_range(network: ipaddress.IPv4Network) -> None:
    assert addressing.parse(str(network)) == network


@given(st.one_of(st.text(), st.text("0123456789./ ", max_size=20), CIDRS))
def test_parse_gives_back_what_it_takes_or_explains(text: str) -> None:
    try:
        assert str(addressing.parse(text)) == text
    except AddressingError as exc:
        assert str(exc)
        assert exc.code in ("range-syntax", "range-host-bits", "range-ipv6")


@given(st.integers(0, 2**32 - 1), PREFIXES)
def test_parse_names_the_range_without_host_bits(address: int, prefix: int) -> None:
    network = ipaddress.IPv4Network((address, prefix), strict=False)
    assume(int(network.network_address) != address)
    with pytest.raises(AddressingError) as caught:
        addressing.parse(f"{ipaddress.IPv4Address(address)}/{prefix}")
    assert caught.value.code == "range-host-bits"
    assert f"did you mean {network}?" in str(caught.value)


@pytest.mark.parametrize(
    ("value", "code", "part"),
    [
        ("", "range-syntax", "empty"),
        ("   ", "range-syntax", "empty"),
        (None, "range-syntax", "None"),
        (10, "range-syntax", "10"),
        (["10.0.0.0/8"], "range-syntax", "10.0.0.0/8"),
        ("nonsense", "range-syntax", "nonsense"),
        ("10.0.0.0/33", "range-syntax", "10.0.0.0/33"),
        ("10.0.0/8", "range-syntax", "10.0.0/8"),
        ("10.0.0.0/-1", "range-syntax", "10.0.0.0/-1"),
        ("10.1.0.0", "range-syntax", "did you mean 10.1.0.0/24?"),
        ("10.1.0.7", "range-syntax", "did you mean 10.1.0.7/32?"),
        (" 10.1.0.0/24", "range-syntax", "did you mean 10.1.0.0/24?"),
        ("10.1.0.0/24\n", "range-syntax", "did you mean 10.1.0.0/24?"),
        ("10.1.0.0/024", "range-syntax", "did you mean 10.1.0.0/24?"),
        ("10.1.0.0/255.255.255.0", "range-syntax", "did you mean 10.1.0.0/24?"),
        ("10.1.0.0/0.0.0.255", "range-syntax", "did you mean 10.1.0.0/24?"),
        ("10.1.0.5/24", "range-host-bits", "did you mean 10.1.0.0/24?"),
        ("fd00::/8", "range-ipv6", "IPv6"),
        ("::ffff:10.0.0.0/104", "range-ipv6", "IPv6"),
    ],
)
def test_parse_explains_what_to_write(value: t.Any, code: str, part: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        addressing.parse(value, where="networks.one.ip_cidr_range")
    assert caught.value.code == code
    assert part in str(caught.value)
    assert str(caught.value).startswith("networks.one.ip_cidr_range: ")


@given(PREFIXES)
def test_prefix_length_reads_all_spellings(prefix: int) -> None:
    for value in (prefix, str(prefix), f"/{prefix}", f"0.0.0.0/{prefix}"):
        assert addressing.prefix_length(value) == prefix


@pytest.mark.parametrize("value", [-1, 33, True, None, 8.0, "/33", "40", [], {}])
def test_prefix_length_refuses(value: t.Any) -> None:
    with pytest.raises(AddressingError) as caught:
        addressing.prefix_length(value, where="here")
    assert caught.value.code == "range-mask"
    assert str(caught.value).startswith("here: ")


@pytest.mark.parametrize("value", ["", "/", "-1", "/-1", "²", "10.0.0.1/8"])
def test_prefix_length_refuses_text(value: str) -> None:
    with pytest.raises(AddressingError):
        addressing.prefix_length(value)


# --- limits ---


@pytest.mark.parametrize("profile", sorted(addressing.PROFILES))
@pytest.mark.parametrize("purpose", ["nodes", "pods", "services"])
def test_limits_are_sane(profile: str, purpose: str) -> None:
    limits = addressing.PROFILES[profile][purpose]
    assert 0 < limits.largest <= limits.default <= limits.smallest <= 32, "a smaller range has a longer prefix"
    assert limits.source.startswith("https://")
    allowed = [prefix for prefix in range(33) if not addressing.check_mask(prefix, purpose, profile)]
    assert allowed == list(range(limits.largest, limits.smallest + 1))


@pytest.mark.parametrize(
    ("purpose", "profile", "smallest", "largest", "default", "severity"),
    [
        ("pods", "gke-2018", 19, 11, 14, "error"),
        ("services", "gke-2018", 22, 18, 20, "error"),
        ("pods", "today", 28, 9, 14, "warning"),
        ("services", "today", 28, 16, 20, "warning"),
        ("nodes", "today", 29, 8, 20, "warning"),
    ],
)
def test_limits(purpose: str, profile: str, smallest: int, largest: int, default: int, severity: str) -> None:
    assert addressing.mask_limits(purpose, profile).default == default
    assert addressing.check_mask(smallest, purpose, profile) == []
    assert addressing.check_mask(largest, purpose, profile) == []
    for beyond, word in ((smallest + 1, "too small"), (largest - 1, "too large")):
        (finding,) = addressing.check_mask(beyond, purpose, profile, where="here")
        assert (finding.severity, finding.code) == (severity, "range-mask")
        assert finding.message.startswith(f"here: /{beyond} is {word}")
        assert f"/{smallest}" in finding.message
        assert f"/{largest}" in finding.message


def test_a_range_that_gke_makes_must_be_larger() -> None:
    assert addressing.check_mask(21, "pods", managed=True) == []
    assert codes(addressing.check_mask(22, "pods", managed=True)) == [("warning", "range-mask")]
    assert addressing.check_mask(27, "services", managed=True) == []
    assert codes(addressing.check_mask(28, "services", managed=True)) == [("warning", "range-mask")]


def test_unknown_names_are_refused_with_the_known_ones() -> None:
    with pytest.raises(AddressingError, match="gke-2018, today") as caught:
        addressing.check_mask(24, "pods", "gke-2017")
    assert caught.value.code == "unknown-profile"
    with pytest.raises(AddressingError, match="nodes, pods, services") as caught:
        addressing.check_mask(24, "pod")
    assert caught.value.code == "unknown-purpose"


# --- what a range holds ---


@given(MAX_PODS)
def test_pod_cidr_mask_follows_googles_words(max_pods: int) -> None:
    rounded = 2 ** math.ceil(math.log2(max_pods))
    assert addressing.addresses(addressing.pod_cidr_mask(max_pods)) == 2 * rounded
    assert addressing.addresses(addressing.pod_cidr_mask(max_pods, overprovision=False)) == rounded


@given(MAX_PODS, MAX_PODS)
def test_more_pods_never_take_less(one: int, other: int) -> None:
    low, high = sorted((one, other))
    assert addressing.pod_cidr_mask(low) >= addressing.pod_cidr_mask(high)


@pytest.mark.parametrize(
    ("max_pods", "mask"),
    [
        (8, 28),
        (9, 27),
        (16, 27),
        (17, 26),
        (32, 26),
        (33, 25),
        (64, 25),
        (65, 24),
        (110, 24),
        (128, 24),
        (129, 23),
        (256, 23),
    ],
)
def test_pod_cidr_mask_table(max_pods: int, mask: int) -> None:
    assert addressing.pod_cidr_mask(max_pods) == mask


def test_pod_cidr_mask_of_googles_example() -> None:
    assert addressing.pod_cidr_mask(30) == 26
    assert addressing.pod_cidr_mask(30, overprovision=False) == 27


@pytest.mark.parametrize("max_pods", [0, -1, True, 1.5, "110", None, 2**40])
def test_pod_cidr_mask_refuses(max_pods: t.Any) -> None:
    with pytest.raises(AddressingError) as caught:
        addressing.pod_cidr_mask(max_pods)
    assert caught.value.code == "max-pods"


def test_check_max_pods() -> None:
    for good in (8, 110, 256):
        assert addressing.check_max_pods(good) == []
    for doubtful in (1, 7, 257, 1000):
        assert codes(addressing.check_max_pods(doubtful)) == [("warning", "max-pods")]
    assert addressing.check_max_pods(110, routes_based=True) == []
    assert codes(addressing.check_max_pods(64, routes_based=True)) == [("error", "max-pods")]


@given(st.integers(1, 2**12), st.integers(1, 256), st.booleans())
def test_pods_prefix_for_nodes_is_the_smallest_that_holds_them(nodes: int, max_pods: int, overprovision: bool) -> None:
    prefix = addressing.pods_prefix_for_nodes(nodes, max_pods, overprovision=overprovision)
    assert addressing.capacity(prefix, max_pods, overprovision=overprovision).nodes >= nodes
    if prefix < 32:
        assert addressing.capacity(prefix + 1, max_pods, overprovision=overprovision).nodes < nodes


@given(st.integers(1, 2**20))
def test_the_same_for_routes_based_clusters(nodes: int) -> None:
    prefix = addressing.pods_prefix_for_nodes(nodes, routes_based=True)
    assert addressing.capacity(prefix, routes_based=True).nodes >= nodes
    assert addressing.capacity(prefix + 1, routes_based=True).nodes < nodes


@given(PREFIXES, st.integers(1, 256))
def test_capacity_is_the_inverse_where_something_fits(prefix: int, max_pods: int) -> None:
    held = addressing.capacity(prefix, max_pods)
    assert held.pods == held.nodes * max_pods
    assert held.nodes * addressing.addresses(held.per_node_prefix) <= addressing.addresses(prefix)
    if held.nodes:
        assert addressing.pods_prefix_for_nodes(held.nodes, max_pods) == prefix


@given(networks(), st.booleans())
def test_capacity_takes_a_range_for_its_prefix(network: ipaddress.IPv4Network, routes_based: bool) -> None:
    of_range = addressing.capacity(str(network), routes_based=routes_based)
    assert of_range == addressing.capacity(network.prefixlen, routes_based=routes_based)
    assert of_range == addressing.capacity(f"/{network.prefixlen}", routes_based=routes_based)


@pytest.mark.parametrize(
    ("prefix", "nodes"), [(24, 1), (23, 2), (21, 8), (19, 32), (17, 128), (16, 256), (14, 1024), (9, 32768), (25, 0)]
)
def test_vpc_native_table(prefix: int, nodes: int) -> None:
    assert addressing.max_nodes_vpc_native(prefix) == nodes
    assert addressing.capacity(prefix) == addressing.Capacity(nodes, nodes * 110, 24)


@pytest.mark.parametrize(("prefix", "nodes"), [(14, 1008), (16, 240), (19, 16), (20, 0), (21, 0), (32, 0)])
def test_routes_based_table(prefix: int, nodes: int) -> None:
    assert addressing.max_nodes_routes_based(prefix) == nodes


def test_sizes_that_cannot_be_had() -> None:
    with pytest.raises(AddressingError) as caught:
        addressing.capacity("/14", 64, routes_based=True)
    assert caught.value.code == "max-pods"
    with pytest.raises(AddressingError) as caught:
        addressing.pods_prefix_for_nodes(1, 64, routes_based=True)
    assert caught.value.code == "max-pods"
    for call in (
        lambda: addressing.pods_prefix_for_nodes(2**30),
        lambda: addressing.pods_prefix_for_nodes(2**30, routes_based=True),
        lambda: addressing.nodes_prefix_for(2**33),
    ):
        with pytest.raises(AddressingError) as caught:
            call()
        assert caught.value.code == "range-too-small"
    for nodes in (0, -1, True, "3"):
        for sized in (addressing.pods_prefix_for_nodes, addressing.nodes_prefix_for):
            with pytest.raises(AddressingError) as caught:
                sized(t.cast(int, nodes))
            assert caught.value.code == "node-count"


@given(networks(st.integers(0, 19)))
def test_routes_based_services_are_the_end_of_the_range(network: ipaddress.IPv4Network) -> None:
    services = addressing.parse(addressing.routes_based_services_range(str(network)))
    assert services.prefixlen == 20
    assert services.subnet_of(network)
    assert services.broadcast_address == network.broadcast_address


def test_routes_based_services_known() -> None:
    assert addressing.routes_based_services_range("10.32.0.0/14") == "10.35.240.0/20"
    for small in ("10.0.0.0/20", "10.0.0.0/24"):
        with pytest.raises(AddressingError) as caught:
            addressing.routes_based_services_range(small)
        assert caught.value.code == "range-too-small"


# --- a subnet's primary range ---


@pytest.mark.parametrize(
    ("prefix", "usable"),
    [
        (29, 4),
        (28, 12),
        (27, 28),
        (26, 60),
        (25, 124),
        (24, 252),
        (23, 508),
        (22, 1020),
        (21, 2044),
        (20, 4092),
        (30, 0),
        (32, 0),
    ],
)
def test_usable_addresses(prefix: int, usable: int) -> None:
    assert addressing.usable_addresses(f"10.0.0.0/{prefix}") == usable


@given(st.integers(1, 2**31))
def test_nodes_prefix_for_is_the_smallest_that_holds_them(nodes: int) -> None:
    prefix = addressing.nodes_prefix_for(nodes)
    assert prefix <= 29
    assert addressing.usable_addresses(f"0.0.0.0/{prefix}") >= nodes
    assert addressing.usable_addresses(f"0.0.0.0/{prefix + 1}") < nodes


@given(networks(st.integers(0, 29)))
def test_reserved_addresses_are_the_ends(network: ipaddress.IPv4Network) -> None:
    first, gateway, second_to_last, last = map(ipaddress.IPv4Address, addressing.reserved_addresses(str(network)))
    assert first == network.network_address
    assert gateway == first + 1 == ipaddress.IPv4Address(addressing.gateway_address(str(network)))
    assert second_to_last + 1 == last == network.broadcast_address


def test_gateway_address() -> None:
    assert addressing.gateway_address("10.1.0.0/24") == "10.1.0.1"
    for small in ("10.1.0.0/30", "10.1.0.0/32"):
        with pytest.raises(AddressingError) as caught:
            addressing.gateway_address(small)
        assert caught.value.code == "range-too-small"


# --- overlap ---


def overlaps_by_definition(ranges: list[Range]) -> set[frozenset[str]]:
    def clash(one: Range, other: Range) -> bool:
        if one.cidr == other.cidr == addressing.GKE_DEFAULT_SERVICES_RANGE:
            return False
        if one.cidr == other.cidr and one.shared_key is not None and one.shared_key == other.shared_key:
            return False
        return ipaddress.IPv4Network(one.cidr).overlaps(ipaddress.IPv4Network(other.cidr))

    return {
        frozenset((one.label, other.label)) for one, other in itertools.combinations(ranges, 2) if clash(one, other)
    }


RANGE_SETS = st.lists(
    st.tuples(
        st.one_of(crowded(), CIDRS, st.just(addressing.GKE_DEFAULT_SERVICES_RANGE)),
        st.sampled_from([None, None, "", "a", "b"]),
    ),
    max_size=25,
).map(lambda items: [Range(cidr, f"label-{index}", key) for index, (cidr, key) in enumerate(items)])


@given(RANGE_SETS)
def test_overlaps_agrees_with_the_definition(ranges: list[Range]) -> None:
    found = addressing.overlaps(ranges)
    pairs = [frozenset((one.label, other.label)) for one, other in found]
    assert len(pairs) == len(set(pairs)), "each pair once"
    assert set(pairs) == overlaps_by_definition(ranges)
    for one, other in found:
        assert addressing.parse(other.cidr).subnet_of(addressing.parse(one.cidr)), "the larger one comes first"


@given(RANGE_SETS, st.randoms())
def test_overlaps_does_not_depend_on_the_order(ranges: list[Range], random: t.Any) -> None:
    shuffled = list(ranges)
    random.shuffle(shuffled)
    assert overlaps_by_definition(ranges) == {
        frozenset((one.label, other.label)) for one, other in addressing.overlaps(shuffled)
    }


def test_ranges_shared_on_purpose() -> None:
    services = addressing.GKE_DEFAULT_SERVICES_RANGE
    assert addressing.overlaps([Range(services, "a"), Range(services, "b", "x"), Range(services, "c", "y")]) == []
    assert addressing.overlaps([Range("10.0.0.0/20", "a", "svc"), Range("10.0.0.0/20", "b", "svc")]) == []
    assert len(addressing.overlaps([Range("10.0.0.0/20", "a", "svc"), Range("10.0.0.0/20", "b", "pod")])) == 1
    assert len(addressing.overlaps([Range("10.0.0.0/20", "a"), Range("10.0.0.0/20", "b")])) == 1
    # the same key does not make different ranges one
    assert len(addressing.overlaps([Range("10.0.0.0/20", "a", "svc"), Range("10.0.0.0/24", "b", "svc")])) == 1
    # a subnet inside the default Services range is another matter
    assert len(addressing.overlaps([Range(services, "a"), Range("34.118.224.0/24", "b")])) == 1


def test_overlap_findings_name_both() -> None:
    (finding,) = addressing.overlap_findings(
        [Range("10.1.0.0/16", "file.yml: one"), Range("10.1.2.0/24", "file.yml: two")]
    )
    assert (finding.severity, finding.code) == ("error", "range-overlap")
    for part in ("file.yml: one", "file.yml: two", "10.1.0.0/16", "10.1.2.0/24"):
        assert part in finding.message


def test_a_bad_range_is_named_by_its_label() -> None:
    with pytest.raises(AddressingError, match=r"^two: "):
        addressing.overlaps([Range("10.0.0.0/8", "one"), Range("10.0.0.1/8", "two")])


def test_overlaps_is_not_quadratic() -> None:
    count = 20_000
    ranges = [Range(str(ipaddress.IPv4Network((0x0A000000 + 256 * index, 24))), str(index)) for index in range(count)]
    ranges += [Range(addressing.GKE_DEFAULT_SERVICES_RANGE, f"cluster {index}") for index in range(count)]
    begin = time.process_time()
    assert addressing.overlaps(ranges) == []
    # 800 million comparisons would take minutes
    assert time.process_time() - begin < 10


# --- free space ---


@given(crowded(), st.integers(24, 32), st.lists(st.one_of(crowded(), CIDRS), max_size=8))
def test_next_free_is_the_first_free_range(within: str, prefix: int, used: list[str]) -> None:
    outer, taken = ipaddress.IPv4Network(within), [ipaddress.IPv4Network(item) for item in used]
    free = []
    if prefix >= outer.prefixlen:
        free = [net for net in outer.subnets(new_prefix=prefix) if not any(net.overlaps(item) for item in taken)]
    if free:
        assert addressing.next_free(within, prefix, used) == str(free[0])
    else:
        with pytest.raises(AddressingError) as caught:
            addressing.next_free(within, prefix, used)
        assert caught.value.code == "range-too-small"
        blocks = addressing.free_blocks(within, used)
        if blocks:
            largest = min(addressing.parse(block).prefixlen for block in blocks)
            assert f"/{largest};" in str(caught.value)
        else:
            assert "all of it is used" in str(caught.value)


@given(crowded(), st.lists(st.one_of(crowded(), CIDRS), max_size=8))
def test_free_blocks_are_what_is_left(within: str, used: list[str]) -> None:
    outer = set(ipaddress.IPv4Network(within))
    for item in used:
        network = ipaddress.IPv4Network(item)
        outer = {address for address in outer if address not in network}
    blocks = [ipaddress.IPv4Network(block) for block in addressing.free_blocks(within, used)]
    assert sorted(address for block in blocks for address in block) == sorted(outer)
    assert blocks == sorted(ipaddress.collapse_addresses(blocks)), "as few as possible, in order"


def test_next_free_known() -> None:
    assert addressing.next_free("10.0.0.0/16", 24, []) == "10.0.0.0/24"
    assert addressing.next_free("10.0.0.0/16", 24, ["10.0.0.0/24", "10.0.1.128/25"]) == "10.0.2.0/24"
    assert addressing.next_free("0.0.0.0/0", 0, []) == "0.0.0.0/0"
    with pytest.raises(AddressingError, match=r"largest free range is 10.0.0.128/25"):
        addressing.next_free("10.0.0.0/24", 24, ["10.0.0.0/25"])
    with pytest.raises(AddressingError, match=r"largest free range is 10.0.0.0/24"):
        addressing.next_free("10.0.0.0/24", 16, [])


# --- kinds of space ---


@pytest.mark.parametrize(
    ("cidr", "kind"),
    [
        ("10.0.0.0/8", "private"),
        ("172.31.255.0/24", "private"),
        ("192.168.0.0/16", "private"),
        ("10.0.0.0/7", "public"),
        ("172.0.0.0/11", "public"),
        ("192.0.0.0/24", "special-use"),
        ("192.0.2.0/24", "special-use"),
        ("192.88.99.0/24", "special-use"),
        ("100.64.0.0/10", "special-use"),
        ("198.18.0.0/15", "special-use"),
        ("198.51.100.0/24", "special-use"),
        ("203.0.113.0/24", "special-use"),
        ("240.0.0.0/8", "special-use"),
        ("240.0.0.0/4", "prohibited"),
        ("25.0.0.0/8", "public"),
        ("0.0.0.0/0", "prohibited"),
        ("0.1.0.0/16", "prohibited"),
        ("127.0.0.0/8", "prohibited"),
        ("169.254.0.0/24", "prohibited"),
        ("168.0.0.0/6", "prohibited"),
        ("224.0.0.0/24", "prohibited"),
        ("255.255.255.255/32", "prohibited"),
        ("199.36.153.8/32", "prohibited"),
        ("199.36.153.4/30", "prohibited"),
        ("199.36.153.0/24", "prohibited"),
        ("199.36.154.0/24", "public"),
    ],
)
def test_space(cidr: str, kind: str) -> None:
    assert addressing.space(cidr) == kind


@given(networks(st.integers(0, 31)))
def test_space_of_a_range_is_that_of_its_worst_half(network: ipaddress.IPv4Network) -> None:
    order = ["private", "special-use", "public", "prohibited"]
    worst = max(order.index(addressing.space(str(half))) for half in network.subnets())
    assert order.index(addressing.space(str(network))) >= worst
    if worst == order.index("prohibited"):
        assert addressing.space(str(network)) == "prohibited"


@pytest.mark.parametrize(
    ("cidr", "auto_mode", "want"),
    [
        ("10.1.0.0/24", False, []),
        ("10.1.0.0/24", True, []),
        ("10.128.0.0/20", False, []),
        ("10.128.0.0/20", True, [("error", "range-overlap")]),
        ("10.0.0.0/8", True, [("error", "range-overlap")]),
        ("169.254.1.0/24", False, [("error", "range-prohibited")]),
        ("199.36.153.0/28", False, [("error", "range-prohibited")] * 2),
        ("25.0.0.0/16", False, [("warning", "range-public")]),
        ("100.64.0.0/16", False, []),
        ("34.118.224.0/24", False, [("warning", "gke-default-services-overlap"), ("warning", "range-public")]),
    ],
)
def test_check_subnet_range(cidr: str, auto_mode: bool, want: list[tuple[str, str]]) -> None:
    found = addressing.check_subnet_range(cidr, auto_mode=auto_mode, where="here")
    assert codes(found) == want
    for finding in found:
        assert finding.message.startswith(f"here: {cidr} ")


@pytest.mark.parametrize(
    ("cidr", "want"),
    [
        ("172.31.0.0/16", []),
        ("172.17.5.0/24", [("warning", "docker-bridge-overlap")]),
        ("172.16.0.0/12", [("warning", "docker-bridge-overlap")]),
        ("34.118.224.0/20", [("warning", "gke-default-services-overlap")]),
    ],
)
def test_check_destination(cidr: str, want: list[tuple[str, str]]) -> None:
    assert codes(addressing.check_destination(cidr)) == want


@given(networks(), networks())
def test_is_within(one: ipaddress.IPv4Network, other: ipaddress.IPv4Network) -> None:
    assert addressing.is_within(str(one), [str(other)]) == one.subnet_of(other)
    assert addressing.is_within(str(one), [str(other), str(one)])
    assert not addressing.is_within(str(one), [])


# --- tunnels ---


@given(networks(st.just(30)))
def test_inside_addresses_are_the_two_hosts(network: ipaddress.IPv4Network) -> None:
    ends = addressing.inside_addresses(str(network))
    assert [ends.aws, ends.google] == [str(host) for host in network.hosts()]


def test_inside_addresses_known() -> None:
    assert addressing.inside_addresses("169.254.24.220/30") == addressing.InsideAddresses(
        "169.254.24.221", "169.254.24.222"
    )
    with pytest.raises(AddressingError, match=r"did you mean 169.254.24.220/30") as caught:
        addressing.inside_addresses("169.254.24.222/31")
    assert caught.value.code == "range-mask"


@pytest.mark.parametrize(
    ("cidr", "want"),
    [
        ("169.254.24.220/30", []),
        ("169.254.6.0/30", []),
        ("169.254.0.4/30", []),
        *((block, ["inside-reserved"]) for block in addressing.AWS_RESERVED_INSIDE_RANGES),
        ("169.254.24.0/29", ["range-mask"]),
        ("10.0.0.0/30", ["inside-not-link-local"]),
        ("169.254.0.0/29", ["range-mask", "inside-reserved"]),
        ("0.0.0.0/0", ["range-mask", "inside-not-link-local", "inside-reserved"]),
    ],
)
def test_check_inside_cidr(cidr: str, want: list[str]) -> None:
    assert codes(addressing.check_inside_cidr(cidr)) == [("error", code) for code in want]


# --- ranges as people write them ---

SUBNETWORK = {
    "name": "subnet-2",
    "ip_cidr_range": "10.1.1.0/24",
    "secondary_ip_ranges": [
        {"range_name": "subnet-2-pod", "ip_cidr_range": "10.1.128.0/19"},
        {"range_name": "subnet-2-svc", "ip_cidr_range": "10.1.160.0/22", "shared_key": "svc"},
    ],
}
AS_RANGES = [
    Range("10.1.1.0/24", "subnet-2"),
    Range("10.1.128.0/19", "subnet-2.subnet-2-pod"),
    Range("10.1.160.0/22", "subnet-2.subnet-2-svc", "svc"),
]


@pytest.mark.parametrize(
    ("value", "want"),
    [
        ("10.0.0.0/8", [Range("10.0.0.0/8", "10.0.0.0/8")]),
        (["10.0.0.0/8", ["11.0.0.0/8"]], [Range("10.0.0.0/8", "10.0.0.0/8"), Range("11.0.0.0/8", "[1][0]")]),
        ([], []),
        ({}, []),
        ([SUBNETWORK], AS_RANGES),
        ({"subnet-2": {key: value for key, value in SUBNETWORK.items() if key != "name"}}, AS_RANGES),
        (
            [
                {
                    "name": "s",
                    "ipCidrRange": "10.0.0.0/24",
                    "secondaryIpRanges": [{"rangeName": "p", "ipCidrRange": "10.1.0.0/16"}],
                }
            ],
            [Range("10.0.0.0/24", "s"), Range("10.1.0.0/16", "s.p")],
        ),
        ({"range": "10.0.0.0/24", "description": "advertised"}, [Range("10.0.0.0/24", "10.0.0.0/24")]),
        ({"ip_cidr_range": None, "secondary_ip_ranges": None}, None),
        ({"aws": "172.31.0.0/16"}, [Range("172.31.0.0/16", "aws")]),
        (Range("10.0.0.0/8", "x", "y"), [Range("10.0.0.0/8", "x", "y")]),
    ],
)
def test_as_ranges(value: t.Any, want: list[Range] | None) -> None:
    if want is None:
        with pytest.raises(AddressingError):
            addressing.as_ranges(value)
    else:
        assert addressing.as_ranges(value) == want


@pytest.mark.parametrize(
    ("value", "start"),
    [
        (None, "used: None"),
        (5, "used: 5"),
        ([5], r"used\[0\]: 5"),
        ([{"name": "x", "cidr": "10.0.0.1/8"}], "used.x: '10.0.0.1/8' has host bits"),
        ({"one": {"ip_cidr_range": ""}}, "used.one: the range is empty"),
        (b"10.0.0.0/8", r"used\[0\]: 49"),
    ],
)
def test_as_ranges_names_the_place(value: t.Any, start: str) -> None:
    with pytest.raises(AddressingError, match=f"^{start}"):
        addressing.as_ranges(value, where="used")


def test_own_range() -> None:
    assert addressing.own_range("10.0.0.0/8") == "10.0.0.0/8"
    assert addressing.own_range(SUBNETWORK) == "10.1.1.0/24"
    for bad in (None, [], ["10.0.0.0/8"], {}, {"ip_cidr_range": None}, {"ip_cidr_range": "10.0.0.1/8"}):
        with pytest.raises(AddressingError, match=r"^within"):
            addressing.own_range(bad, where="within")


def test_values_cannot_be_changed() -> None:
    for value in (
        addressing.Finding("error", "code", "message"),
        Range("10.0.0.0/8", "x"),
        addressing.capacity(14),
        addressing.inside_addresses("169.254.24.220/30"),
        addressing.mask_limits("pods"),
    ):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value, dataclasses.fields(value)[0].name, "x")
