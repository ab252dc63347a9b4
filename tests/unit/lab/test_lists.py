# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists: pages, filters, order, aggregation, partial responses."""

from __future__ import annotations

import pytest

from ansible_collections.podreach.gke.tests.unit.lab.cloud import REGION, Cloud, Refused


@pytest.fixture
def five(cloud: Cloud) -> Cloud:
    for name in ("c", "a", "e", "b", "d"):
        cloud.network(name)
    return cloud


def names(cloud: Cloud, query: str) -> list[str]:
    return [item["name"] for item in cloud.compute("GET", f"global/networks?{query}").get("items", [])]


def test_pages_are_cut_and_joined(five: Cloud) -> None:
    seen, token = [], ""
    for size in (2, 2, 1):
        page = five.compute("GET", f"global/networks?maxResults=2&pageToken={token}")
        assert len(page["items"]) == size
        seen += [item["name"] for item in page["items"]]
        token = page.get("nextPageToken", "")
    assert seen == ["a", "b", "c", "d", "e"]
    assert not token


@pytest.mark.parametrize(
    "query", ["maxResults=501", "maxResults=-1", "maxResults=x", "pageToken=forged", "orderBy=mtu"]
)
def test_bad_paging(five: Cloud, query: str) -> None:
    with pytest.raises(Refused) as refused:
        five.compute("GET", f"global/networks?{query}")
    assert refused.value.code == 400


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("name=b", ["b"]),
        ('name = "b"', ["b"]),
        ("name eq [ab]", ["a", "b"]),
        ("(name ne a)(mtu=1460)", ["b", "c", "d", "e"]),
        ("name=a OR name=e", ["a", "e"]),
        ("(name=a) AND (mtu > 2000)", []),
        ("routingConfig.routingMode=REGIONAL", ["a", "b", "c", "d", "e"]),
        ("description:*", []),
        ("autoCreateSubnetworks=false", ["a", "b", "c", "d", "e"]),
    ],
)
def test_filters(five: Cloud, expression: str, expected: list[str]) -> None:
    assert names(five, f"filter={expression}") == expected


def test_an_empty_list_has_no_items(cloud: Cloud) -> None:
    answer = cloud.compute("GET", "global/networks")
    assert answer["kind"] == "compute#networkList"
    assert "items" not in answer


def test_aggregated_lists_are_maps_with_warnings_for_empty_scopes(cloud: Cloud) -> None:
    cloud.estate()
    path = "aggregated/subnetworks?includeAllScopes=True&maxResults=500&returnPartialSuccess=True"
    items = cloud.compute("GET", path)["items"]
    assert [item["name"] for item in items[f"regions/{REGION}"]["subnetworks"]] == ["s1"]
    assert items["regions/us-central1"]["warning"] == {
        "code": "NO_RESULTS_ON_PAGE",
        "message": "No results for the scope 'regions/us-central1'.",
        "data": [{"key": "scope", "value": "regions/us-central1"}],
    }


def test_unknown_regions_and_parameters(cloud: Cloud) -> None:
    with pytest.raises(Refused, match="'region': 'mars-north1'"):
        cloud.compute("GET", "regions/mars-north1/subnetworks")
    with pytest.raises(Refused, match='Unknown name "colour"'):
        cloud.compute("GET", "global/networks?colour=red")


def test_partial_responses(five: Cloud) -> None:
    answer = five.compute(
        "GET", "global/networks?maxResults=1&fields=items(name,routingConfig/routingMode),nextPageToken"
    )
    assert answer["items"] == [{"name": "a", "routingConfig": {"routingMode": "REGIONAL"}}]
    assert set(answer) == {"items", "nextPageToken"}


def test_regions_zones_and_project(cloud: Cloud) -> None:
    assert REGION in [item["name"] for item in cloud.compute("GET", "regions")["items"]]
    assert cloud.compute("GET", f"zones/{REGION}-b")["region"].endswith(f"/regions/{REGION}")
    assert cloud.call("GET", "/compute/v1/projects/podreach-lab")["id"] == "100000000001"


def test_what_is_not_modelled_says_so(cloud: Cloud) -> None:
    with pytest.raises(Refused) as refused:
        cloud.compute("GET", "global/images")
    assert (refused.value.code, refused.value.message) == (501, "The lab does not model compute.images.list.")
    with pytest.raises(Refused) as unknown:
        cloud.compute("GET", "global/unheardOf")
    assert unknown.value.code == 404
