# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""compute.subnetworks: what guards the ranges of a network."""

from __future__ import annotations

import pytest

from ansible_collections.podreach.gke.tests.unit.lab.cloud import REGION, Cloud, Json, Refused, secondary

S1 = f"regions/{REGION}/subnetworks/s1"


def test_the_server_fills_in(cloud: Cloud) -> None:
    cloud.estate()
    found = cloud.compute("GET", S1)
    assert found["gatewayAddress"] == "10.1.0.1"
    assert found["privateIpGoogleAccess"] is False
    assert found["privateIpv6GoogleAccess"] == "DISABLE_GOOGLE_ACCESS"
    assert (found["purpose"], found["stackType"], found["state"]) == ("PRIVATE", "IPV4_ONLY", "READY")
    assert found["region"].endswith(f"/projects/podreach-lab/regions/{REGION}")
    assert found["secondaryIpRanges"] == secondary(pods="10.4.0.0/20", services="10.5.0.0/22")
    assert "enableFlowLogs" not in found
    assert cloud.compute("GET", "global/networks/n1")["subnetworks"] == [found["selfLink"]]


@pytest.mark.parametrize(
    "form",
    [
        "https://www.googleapis.com/compute/v1/projects/podreach-lab/global/networks/n1",
        "http://127.0.0.1:8099/compute/v1/projects/podreach-lab/global/networks/n1",
        "//compute.googleapis.com/projects/podreach-lab/global/networks/n1",
        "projects/podreach-lab/global/networks/n1",
        "projects/100000000001/global/networks/n1",
        "global/networks/n1",
    ],
)
def test_every_form_of_a_reference_is_the_same(cloud: Cloud, form: str) -> None:
    cloud.network()
    cloud.compute(
        "POST", f"regions/{REGION}/subnetworks", {"name": "s1", "network": form, "ipCidrRange": "10.1.0.0/24"}
    )
    network = cloud.compute("GET", S1)["network"]
    assert network == "https://www.googleapis.com/compute/v1/projects/podreach-lab/global/networks/n1"


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ("n1", "Invalid value for field 'resource.network': 'n1'. The URL is malformed."),
        (
            "global/networks/none",
            "Invalid value for field 'resource.network': 'global/networks/none'. The referenced network resource "
            "cannot be found.",
        ),
    ],
)
def test_bad_references(cloud: Cloud, network: str, message: str) -> None:
    cloud.network()
    with pytest.raises(Refused) as refused:
        body = {"name": "s1", "network": network, "ipCidrRange": "10.1.0.0/24"}
        cloud.compute("POST", f"regions/{REGION}/subnetworks", body)
    assert (refused.value.code, refused.value.message) == (400, message)


@pytest.mark.parametrize(
    "text",
    ["10.1.0.1/24", "10.1.0.0", "10.1.0.0/30", "10.1.0.0/33", "0.0.0.0/3", "nonsense", "127.1.0.0/24", "169.254.0.0/24",
     "224.0.0.0/24", "0.1.0.0/24", "199.36.153.8/29", "fd00::/64"],
)  # fmt: skip
@pytest.mark.parametrize("field", ["resource.ipCidrRange", "resource.secondaryIpRanges[0].ipCidrRange"])
def test_ranges_that_no_subnetwork_may_have(cloud: Cloud, text: str, field: str) -> None:
    cloud.network()
    with pytest.raises(Refused) as refused:
        if field == "resource.ipCidrRange":
            cloud.subnetwork("s1", text)
        else:
            cloud.subnetwork("s1", "10.9.0.0/24", pods=text)
    assert (refused.value.code, refused.value.reason) == (400, "invalid")
    assert f"Invalid value for field '{field}': '{text}'. " in refused.value.message


@pytest.mark.parametrize("text", ["100.64.0.0/20", "192.168.0.0/29", "198.18.0.0/24", "240.0.0.0/8", "44.5.0.0/16"])
def test_ranges_that_a_subnetwork_may_have(cloud: Cloud, text: str) -> None:
    cloud.network()
    cloud.subnetwork("s1", text)


def test_missing_fields_are_named(cloud: Cloud) -> None:
    cloud.network()
    with pytest.raises(Refused) as refused:
        cloud.compute("POST", f"regions/{REGION}/subnetworks", {"name": "s1", "network": "global/networks/n1"})
    assert (refused.value.message, refused.value.reason) == (
        "Required field 'resource.ipCidrRange' not specified",
        "required",
    )
    with pytest.raises(Refused, match=r"Required field 'resource\.secondaryIpRanges\[0\]\.rangeName' not specified"):
        body = {"name": "s1", "network": "global/networks/n1", "ipCidrRange": "10.1.0.0/24"}
        cloud.compute(
            "POST", f"regions/{REGION}/subnetworks", {**body, "secondaryIpRanges": [{"ipCidrRange": "10.2.0.0/24"}]}
        )


def test_overlaps_in_the_words_of_google(cloud: Cloud) -> None:
    cloud.estate()
    with pytest.raises(Refused) as primary:
        cloud.subnetwork("s2", "10.4.8.0/24")
    assert primary.value.message == (
        "Invalid value for field 'resource.ipCidrRange': '10.4.8.0/24'. Invalid IPCidrRange: 10.4.8.0/24 conflicts "
        "with existing subnetwork 's1' in region 'asia-northeast1'."
    )
    with pytest.raises(Refused) as second:
        cloud.subnetwork("s2", "10.2.0.0/24", free="10.3.0.0/24", taken="10.0.0.0/8")
    assert "'resource.secondaryIpRanges[1].ipCidrRange'" in second.value.message
    with pytest.raises(Refused, match="conflicts with existing subnetwork 's2'"):
        cloud.subnetwork("s2", "10.2.0.0/24", inside="10.2.0.0/28")
    cloud.network("n2")
    cloud.subnetwork("s2", "10.1.0.0/24", network="n2")


def test_patch_needs_the_current_fingerprint(cloud: Cloud) -> None:
    cloud.estate()
    old = cloud.compute("GET", S1)["fingerprint"]
    cloud.patch_subnetwork(secondaryIpRanges=secondary(pods="10.4.0.0/20", services="10.5.0.0/22", more="10.6.0.0/24"))
    wrong: list[Json] = [{"fingerprint": old}, {}]
    for fingerprint in wrong:
        with pytest.raises(Refused) as refused:
            cloud.compute("PATCH", S1, {**fingerprint, "secondaryIpRanges": []})
        assert (refused.value.code, refused.value.reason) == (412, "conditionNotMet")
        assert refused.value.message == "Invalid fingerprint."


def test_a_fingerprint_in_the_url_safe_alphabet_is_the_same(cloud: Cloud) -> None:
    cloud.estate()
    for _again in range(20):
        current = cloud.compute("GET", S1)["fingerprint"].replace("+", "-").replace("/", "_")
        cloud.compute("PATCH", S1, {"fingerprint": current, "enableFlowLogs": False})


def test_secondary_ranges_are_added_and_removed_but_not_in_one_request(cloud: Cloud) -> None:
    cloud.network()
    cloud.subnetwork("s1", "10.1.0.0/24", a="192.168.50.0/24")
    with pytest.raises(Refused) as refused:
        cloud.patch_subnetwork(secondaryIpRanges=secondary(b="192.168.60.0/24"))
    assert refused.value.message == (
        "Invalid value for field 'resource.secondaryIpRanges': ''. Cannot add and remove secondary IP ranges in the "
        "same request. Added ranges: [192.168.60.0/24]. \nRemoved ranges: [192.168.50.0/24]."
    )
    cloud.patch_subnetwork(secondaryIpRanges=secondary(a="192.168.50.0/24", b="192.168.60.0/24"))
    assert {route["destRange"] for route in cloud.routes()} >= {"192.168.50.0/24", "192.168.60.0/24"}
    cloud.patch_subnetwork(secondaryIpRanges=[])
    assert "secondaryIpRanges" not in cloud.compute("GET", S1)
    assert {route["destRange"] for route in cloud.routes()} == {"0.0.0.0/0", "10.1.0.0/24"}


def test_a_secondary_range_cannot_be_modified_or_renamed(cloud: Cloud) -> None:
    cloud.network()
    cloud.subnetwork("s1", "10.1.0.0/24", a="10.2.144.0/21")
    with pytest.raises(Refused) as modified:
        cloud.patch_subnetwork(secondaryIpRanges=secondary(a="10.2.144.0/20"))
    assert modified.value.message == (
        "Invalid value for field 'resource.secondaryIpRanges[0].ipCidrRange': '10.2.144.0/20'. Existing secondary "
        "range cannot be modified: 10.2.144.0/20."
    )
    with pytest.raises(Refused, match="conflicts with existing subnetwork 's1'"):
        cloud.patch_subnetwork(secondaryIpRanges=secondary(renamed="10.2.144.0/21"))


@pytest.mark.parametrize(
    "change",
    [{"ipCidrRange": "10.1.0.0/23"}, {"name": "s2"}, {"description": "x"}, {"privateIpGoogleAccess": True},
     {"network": "global/networks/n2"}],
)  # fmt: skip
def test_fixed_fields(cloud: Cloud, change: dict[str, object]) -> None:
    cloud.estate()
    with pytest.raises(Refused) as refused:
        cloud.patch_subnetwork(**change)
    assert refused.value.code == 400
    assert f"'resource.{next(iter(change))}'" in refused.value.message


def test_a_whole_object_as_read_may_be_patched_back(cloud: Cloud) -> None:
    cloud.estate()
    before = cloud.compute("GET", S1)
    cloud.compute("PATCH", S1, before)
    after = cloud.compute("GET", S1)
    assert {**after, "fingerprint": ""} == {**before, "fingerprint": ""}


def test_expanding(cloud: Cloud) -> None:
    cloud.estate()
    cloud.subnetwork("s2", "10.1.2.0/24")
    cloud.compute("POST", f"{S1}/expandIpCidrRange", {"ipCidrRange": "10.1.0.0/23"})
    found = cloud.compute("GET", S1)
    assert (found["ipCidrRange"], found["gatewayAddress"]) == ("10.1.0.0/23", "10.1.0.1")
    for text in ("10.1.0.0/24", "10.1.0.0/23", "10.9.0.0/22", "10.1.0.0/22", "10.1.1.0/22"):
        with pytest.raises(Refused, match="'ipCidrRange'"):
            cloud.compute("POST", f"{S1}/expandIpCidrRange", {"ipCidrRange": text})


def test_private_access_has_its_own_method(cloud: Cloud) -> None:
    cloud.estate()
    cloud.compute("POST", f"{S1}/setPrivateIpGoogleAccess", {"privateIpGoogleAccess": True})
    assert cloud.compute("GET", S1)["privateIpGoogleAccess"] is True


def test_what_a_cluster_uses_stays(cloud: Cloud) -> None:
    cloud.estate()
    cloud.cluster()
    with pytest.raises(Refused) as subnetwork:
        cloud.compute("DELETE", S1)
    assert (subnetwork.value.code, subnetwork.value.reason) == (400, "resourceInUseByAnotherResource")
    assert "is already being used by 'projects/podreach-lab/zones/asia-northeast1-a/instances/gke-c1-" in str(
        subnetwork.value
    )
    for kept in ("services", "pods"):
        gone = "pods" if kept == "services" else "services"
        ranges = {"pods": "10.4.0.0/20", "services": "10.5.0.0/22"}
        with pytest.raises(Refused) as range_:
            cloud.patch_subnetwork(secondaryIpRanges=secondary(**{kept: ranges[kept]}))
        assert range_.value.reason == "resourceInUseByAnotherResource"
        assert f"/subnetworks/s1/secondaryIpRanges/{gone}'" in range_.value.message


def test_170_secondary_ranges_and_no_more(cloud: Cloud) -> None:
    cloud.network()
    ranges = {f"r{at}": f"10.{at}.0.0/24" for at in range(2, 173)}
    with pytest.raises(Refused, match="170"):
        cloud.subnetwork("s1", "10.1.0.0/24", **ranges)
    ranges.popitem()
    cloud.subnetwork("s1", "10.1.0.0/24", **ranges)


def test_a_custom_route_keeps_its_destination(cloud: Cloud) -> None:
    cloud.network()
    route = {"name": "r", "network": "global/networks/n1", "destRange": "10.7.0.0/24", "nextHopIp": "10.1.0.9"}
    cloud.compute("POST", "global/routes", route)
    with pytest.raises(Refused, match="existing route 'r'"):
        cloud.subnetwork("s1", "10.7.0.0/16")
    cloud.subnetwork("s2", "10.7.0.0/26")


def test_usable_subnetworks(cloud: Cloud) -> None:
    cloud.estate()
    usable = cloud.compute("GET", "aggregated/subnetworks/listUsable")["items"]
    assert [item["ipCidrRange"] for item in usable] == ["10.1.0.0/24"]
    cloud.cluster()
    found = cloud.call("GET", "/v1/projects/podreach-lab/aggregated/usableSubnetworks")["subnetworks"]
    assert [(item["rangeName"], item["status"]) for item in found[0]["secondaryIpRanges"]] == [
        ("pods", "IN_USE_SHAREABLE_POD"),
        ("services", "IN_USE_SERVICE"),
    ]
