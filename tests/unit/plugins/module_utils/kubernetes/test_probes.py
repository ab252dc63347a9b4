# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Probes from pods: what programs say, what an own pod is, when one is left over, how a program ended."""

from __future__ import annotations

import datetime
import typing as t

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from ansible_collections.podreach.gke.plugins.module_utils.arguments import Call
from ansible_collections.podreach.gke.plugins.module_utils.errors import ApiError, InvalidInput, PodreachError
from ansible_collections.podreach.gke.plugins.module_utils.kubernetes import pods, probe_commands, probes, streams
from ansible_collections.podreach.gke.plugins.module_utils.kubernetes.client import Answer, Kube
from ansible_collections.podreach.gke.plugins.module_utils.kubernetes.streams import Finished

Json = dict[str, t.Any]

IPUTILS = """PING 10.1.0.9 (10.1.0.9) 56(84) bytes of data.
64 bytes from 10.1.0.9: icmp_seq=1 ttl=62 time=0.512 ms
64 bytes from 10.1.0.9: icmp_seq=3 ttl=62 time=0.488 ms

--- 10.1.0.9 ping statistics ---
3 packets transmitted, 2 received, 33.3333% packet loss, time 2030ms
rtt min/avg/max/mdev = 0.488/0.500/0.512/0.012 ms
"""
BUSYBOX = """PING 10.1.0.9 (10.1.0.9): 56 data bytes
64 bytes from 10.1.0.9: seq=0 ttl=68 time=0.037 ms
64 bytes from 10.1.0.9: seq=1 ttl=68 time=0.102 ms

--- 10.1.0.9 ping statistics ---
2 packets transmitted, 2 packets received, 0% packet loss
round-trip min/avg/max = 0.037/0.069/0.102 ms
"""
SILENT = """PING 10.1.0.9 (10.1.0.9): 56 data bytes

--- 10.1.0.9 ping statistics ---
3 packets transmitted, 0 packets received, 100% packet loss
"""
CURL = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nOK\n"
WGET = "Connecting to 10.1.0.9 (10.1.0.9:80)\n  HTTP/1.1 301 Moved\n  Location: /x\n  HTTP/1.1 200 OK\n  A: b\n"


def params(**options: t.Any) -> Json:
    validation = ArgumentSpecValidator(probes.SPEC.options, **probes.SPEC.rules()).validate(options)
    assert not validation.errors.errors, validation.error_messages
    found: Json = validation.validated_parameters
    return found


def icmp(**more: t.Any) -> Json:
    return params(kind="icmp", target="10.1.0.9", **more)


def tcp() -> Json:
    return params(kind="tcp", target="10.1.0.9", port=80)


def http(**more: t.Any) -> Json:
    return params(kind="http", url="http://10.1.0.9/", **more)


@pytest.mark.parametrize(
    ("given", "done", "reachable", "reason", "measured"),
    [
        (
            icmp(),
            Finished(0, IPUTILS, ""),
            True,
            None,
            {"sent": 3, "received": 2, "ttl": 62, "rtt": {"min": 0.488, "avg": 0.5, "max": 0.512}},
        ),
        (icmp(min_received=3), Finished(0, IPUTILS, ""), False, "lost", {"received": 2}),
        (
            icmp(),
            Finished(0, BUSYBOX, ""),
            True,
            None,
            {"sent": 2, "ttl": 68, "rtt": {"min": 0.037, "avg": 0.069, "max": 0.102}},
        ),
        (icmp(), Finished(1, SILENT, ""), False, "no-reply", {"sent": 3, "received": 0, "ttl": None, "rtt": None}),
        (icmp(), Finished(2, "", "ping: connect: Network is unreachable\n"), False, "no-route", {"sent": 0}),
        (icmp(), Finished(1, "", "ping: bad address 'x'\n"), False, "unresolved", {}),
        (icmp(), Finished(2, "", "ping: x: Name or service not known\n"), False, "unresolved", {}),
        (tcp(), Finished(0, "", ""), True, None, {}),
        (
            tcp(),
            Finished(1, "", "nc: can't connect to remote host (10.1.0.9): Connection refused"),
            False,
            "refused",
            {},
        ),
        (tcp(), Finished(124, "", ""), False, "timed-out", {}),
        (tcp(), Finished(1, "", "nc: 10.1.0.9 (10.1.0.9:80): Connection timed out"), False, "timed-out", {}),
        (tcp(), Finished(1, "", "[Errno 113] No route to host"), False, "no-route", {}),
        (tcp(), Finished(1, "", "what"), False, "failed", {}),
        (http(), Finished(0, CURL, ""), True, None, {"status": 200, "body": "OK\n"}),
        (http(), Finished(0, "OK\n", WGET), True, None, {"status": 200, "body": "OK\n"}),
        (http(status=[404]), Finished(0, CURL, ""), False, "status", {"status": 200}),
        (http(status=[404, 200], body="^OK"), Finished(0, CURL, ""), True, None, {}),
        (http(body="HTTP"), Finished(0, CURL, ""), False, "body", {}),
        (http(), Finished(8, "", "  HTTP/1.1 503 Service Unavailable\n"), True, None, {"status": 503, "body": ""}),
        (
            http(),
            Finished(28, "", "curl: (28) Connection timed out after 5001 ms"),
            False,
            "timed-out",
            {"status": None},
        ),
        (http(), Finished(143, "", "Connecting to 10.1.0.9"), False, "timed-out", {}),
        (
            params(kind="dns", target="x"),
            Finished(0, "10.1.0.9  STREAM x\n10.1.0.9  DGRAM\n", ""),
            True,
            None,
            {"addresses": ["10.1.0.9"]},
        ),
        (
            params(kind="dns", target="x"),
            Finished(0, "Server:\t10.0.0.10\nAddress:\t10.0.0.10:53\n\nName:\tx\nAddress: 10.1.0.9\n", ""),
            True,
            None,
            {"addresses": ["10.1.0.9"]},
        ),
        (params(kind="dns", target="x"), Finished(2, "", ""), False, "unresolved", {"addresses": []}),
        (
            params(kind="dns", target="x"),
            Finished(1, "Server:\t10.0.0.10\nAddress:\t10.0.0.10:53\n\n** server can't find x: NXDOMAIN\n", ""),
            False,
            "unresolved",
            {"addresses": []},
        ),
    ],
)
def test_what_programs_say(given: Json, done: Finished, reachable: bool, reason: str | None, measured: Json) -> None:
    found = probe_commands.judge(given, done, "Pod p")
    assert (found.reachable, found.reason) == (reachable, reason)
    assert {key: found.measured[key] for key in measured} == measured


@pytest.mark.parametrize(
    ("given", "done", "code"),
    [
        (icmp(), Finished(96, "", "no ping\n"), "no-program"),
        (icmp(), Finished(1, "", "ping: permission denied (are you root?)\n"), "no-permission"),
        (icmp(), Finished(2, "", "ping: socktype: SOCK_RAW\nping: socket: Operation not permitted\n"), "no-permission"),
        (http(), Finished(139, "", "Segmentation fault\n"), "program-crashed"),
    ],
)
def test_what_was_not_checked_is_no_answer(given: Json, done: Finished, code: str) -> None:
    with pytest.raises(PodreachError) as caught:
        probe_commands.judge(given, done, "Pod p")
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("given", "values"),
    [
        (icmp(count=2), ["2", "5", "10.1.0.9"]),
        (tcp(), ["10.1.0.9", "80", "5"]),
        (http(), ["http://10.1.0.9/", "5"]),
        (params(kind="dns", target="$(x)"), ["$(x)"]),
    ],
)
def test_options_are_arguments_never_script(given: Json, values: list[str]) -> None:
    shell, flag, script, _name, *arguments = probe_commands.command(given)
    assert (shell, flag) == ("sh", "-c")
    assert arguments == values
    assert "10.1.0.9" not in script
    assert "$(x)" not in script


def test_an_own_pod_meets_the_restricted_standard() -> None:
    pod = probes.own_pod(icmp(labels={"app": "web"}, node_selector={"pool": "a"}), "podreach-probe-1")
    spec = pod["spec"]
    [container] = spec["containers"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["runAsUser"] > 0
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["securityContext"]["sysctls"] == [{"name": "net.ipv4.ping_group_range", "value": "0 2147483647"}]
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert "hostNetwork" not in spec
    assert spec["automountServiceAccountToken"] is False
    assert spec["activeDeadlineSeconds"] == 180
    assert spec["nodeSelector"] == {"pool": "a"}
    assert pod["metadata"]["labels"] == {
        "app": "web",
        "app.kubernetes.io/managed-by": "podreach.gke",
        "app.kubernetes.io/component": "pod-probe",
    }
    assert "sysctls" not in probes.own_pod(tcp(), "p")["spec"]["securityContext"]


def test_in_the_nodes_network_ping_has_one_capability_and_all_else_has_none() -> None:
    spec = probes.own_pod(icmp(host_network=True), "p")["spec"]
    assert spec["hostNetwork"] is True
    # a kubelet refuses sysctls of the network there
    assert "sysctls" not in spec["securityContext"]
    [container] = spec["containers"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"], "add": ["NET_RAW"]}
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    spec = probes.own_pod({**tcp(), "host_network": True}, "p")["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["containers"][0]["securityContext"]["capabilities"] == {"drop": ["ALL"]}


class Refusing:
    """A namespace that does not admit a pod."""

    def __init__(self, message: str) -> None:
        self.message = message

    def __call__(self, method: str, path: str, body: Json | None, content_type: str) -> Answer:
        if method == "POST":
            status = {"kind": "Status", "reason": "Forbidden", "code": 403, "message": self.message}
            return Answer(403, {}, status)
        return Answer(200, {}, {"items": []})


@pytest.mark.parametrize(("host_network", "code"), [(True, "pod-security"), (False, "Forbidden")])
def test_a_namespace_that_admits_no_pod_in_the_nodes_network(host_network: bool, code: str) -> None:
    words = 'pods "p" is forbidden: violates PodSecurity "baseline:latest": host namespaces (hostNetwork=true)'
    call = Call({**tcp(), "host_network": host_network})
    with pytest.raises(PodreachError) as caught:
        probes.Prober(Kube(Refusing(words), timeout=5), call).run()
    assert caught.value.code == code
    assert 'violates PodSecurity "baseline:latest"' in str(caught.value)
    assert ("namespace default admits no pod" in str(caught.value)) is host_network


@pytest.mark.parametrize(
    ("body", "address"),
    [
        ('{"path": "/", "source": "10.1.0.3", "destination": "10.2.0.1"}', "10.1.0.3"),
        ('{"origin": "10.1.0.3:40112"}', "10.1.0.3"),
        ('{"ip": "fd20::3", "via": "10.0.0.1"}', "fd20::3"),
        ('{"client": {"address": "10.1.0.3", "port": 4}}', "10.1.0.3"),
        ('{"origin": "10.1.0.3, 10.0.0.1"}', None),
        ('{"caller": "10.1.0.3"}', "10.1.0.3"),
        ('["10.1.0.3", 3]', "10.1.0.3"),
        ("10.1.0.3\n", "10.1.0.3"),
        ("<p>You are 10.1.0.3:40112 (10.1.0.3).</p>", "10.1.0.3"),
        ("from 10.1.0.3 to 10.2.0.1", None),
        ("at 12:34:56 of 1.2.3", None),
        ("OK", None),
        ("", None),
    ],
)
def test_the_caller_that_an_answer_names(body: str, address: str | None) -> None:
    assert probe_commands.caller(body) == address


POD: Json = {
    "metadata": {"name": "p", "namespace": "default"},
    "spec": {"nodeName": "n", "containers": [{"name": "c"}]},
    "status": {
        "podIP": "172.16.0.5",
        "hostIP": "10.1.0.3",
        "phase": "Running",
        "containerStatuses": [{"name": "c", "state": {"running": {}}}],
    },
}


class Answers:
    """A cluster with the pod POD, in which programs end one after the other as said."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *ends: Finished) -> None:
        self.ends = list(ends)
        self.warnings: list[str] = []
        self.ran: list[t.Sequence[str]] = []
        monkeypatch.setattr(streams, "run", self.run)
        monkeypatch.setattr(Kube, "for_call", lambda _call: Kube(self, timeout=5))

    def __call__(self, method: str, path: str, body: Json | None, content_type: str) -> Answer:
        return Answer(200, {}, POD)

    def run(self, kube: Kube, namespace: str, pod: str, container: str, argv: t.Sequence[str], until: float) -> t.Any:
        self.ran.append(argv)
        return self.ends.pop(0)

    def probe(self, options: Json) -> Json:
        return probes.execute(Call({**options, "pod": "p"}, warn=self.warnings.append))


SEEN = "http://10.1.0.9/"


@pytest.mark.parametrize(
    ("source", "seen_as", "words"),
    [("172.16.0.5", "pod", "its own address"), ("10.1.0.3", "node", "its node"), ("10.9.9.9", "other", "neither")],
)
def test_whom_the_target_sees(monkeypatch: pytest.MonkeyPatch, source: str, seen_as: str, words: str) -> None:
    told = Finished(0, f'HTTP/1.1 200 OK\r\n\r\n{{"source": "{source}"}}', "")
    cluster = Answers(monkeypatch, Finished(0, IPUTILS, ""), told)
    found = cluster.probe(icmp(source_url=SEEN))
    assert (found["seen_source"], found["seen_as"], cluster.warnings) == (source, seen_as, [])
    assert f"seen as {source} ({words}" in found["msg"]
    # the check's own answer, where it tells
    cluster = Answers(monkeypatch, told)
    found = cluster.probe(http(source_url=SEEN))
    assert (found["seen_source"], found["seen_as"]) == (source, seen_as)
    assert probes.seen_as("10.1.0.3", {"address": "10.1.0.3", "node_address": None, "host_network": True}) == "node"


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (Finished(0, "HTTP/1.1 200 OK\r\n\r\nOK", ""), "tells no address"),
        (Finished(7, "", "curl: (7) Connection refused"), "did not come (refused)"),
        (Finished(96, "", "no curl or wget"), "no curl or wget"),
    ],
)
def test_a_source_that_is_not_told_is_null_with_a_warning(
    monkeypatch: pytest.MonkeyPatch, end: Finished, words: str
) -> None:
    cluster = Answers(monkeypatch, Finished(0, IPUTILS, ""), end)
    found = cluster.probe(icmp(source_url="http://me:hush-hush@10.1.0.9/"))
    assert (found["reachable"], found["seen_source"], found["seen_as"]) == (True, None, None)
    [warning] = cluster.warnings
    assert words in warning
    assert "hush" not in warning


def test_nobody_is_asked_where_nothing_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Answers(monkeypatch, Finished(1, SILENT, ""))
    found = cluster.probe(icmp(source_url=SEEN, expect="any"))
    assert (found["seen_source"], cluster.warnings, len(cluster.ran)) == (None, [], 1)
    assert "seen_source" not in Answers(monkeypatch, Finished(1, SILENT, "")).probe(icmp(expect="any"))


@pytest.mark.parametrize(
    "options",
    [icmp(host_network=True, pod="p"), icmp(source_url="10.1.0.9"), params(kind="dns", target="x", source_url=SEEN)],
)
def test_options_that_do_not_go_together(options: Json) -> None:
    with pytest.raises(InvalidInput, match="host_network|source_url"):
        probes.execute(Call(options))


@pytest.mark.parametrize(
    ("phase", "age", "left"),
    [
        ("Running", 100, False),
        ("Running", 200, True),
        ("Pending", 200, True),
        ("Succeeded", 1, True),
        ("Failed", 1, True),
    ],
)
def test_leftovers(phase: str, age: int, left: bool) -> None:
    pod = {
        "metadata": {"creationTimestamp": "2026-11-23T12:00:00Z"},
        "spec": {"activeDeadlineSeconds": 180},
        "status": {"phase": phase},
    }
    now = datetime.datetime(2026, 11, 23, 12, tzinfo=datetime.UTC) + datetime.timedelta(seconds=age)
    assert probes.is_leftover(pod, now) is left


def test_a_pod_is_left_over_when_its_maker_has_ended() -> None:
    now = datetime.datetime(2026, 11, 23, 12, tzinfo=datetime.UTC)
    pod = probes.own_pod(tcp(), "p")
    pod["metadata"]["creationTimestamp"] = "2026-11-23T12:00:00Z"
    assert not probes.is_leftover(pod, now)
    maker = pod["metadata"]["annotations"][probes.MAKER]
    pod["metadata"]["annotations"][probes.MAKER] = f"{maker}1"
    assert probes.is_leftover(pod, now)


@pytest.mark.parametrize(
    ("status", "words", "hopeless"),
    [
        ({"phase": "Pending"}, "phase Pending", False),
        (
            {"containerStatuses": [{"state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}}]},
            "ImagePullBackOff: no such image",
            True,
        ),
        ({"containerStatuses": [{"state": {"waiting": {"reason": "ContainerCreating"}}}]}, "ContainerCreating", False),
        (
            {"containerStatuses": [{"state": {"terminated": {"reason": "Error", "exitCode": 1}}}]},
            "Error: exit status 1",
            True,
        ),
        (
            {"conditions": [{"status": "False", "reason": "Unschedulable", "message": "0/2 nodes"}]},
            "Unschedulable: 0/2 nodes",
            False,
        ),
        ({"phase": "Failed", "reason": "Evicted"}, "phase Failed Evicted", True),
    ],
)
def test_why_a_pod_does_not_run(status: Json, words: str, hopeless: bool) -> None:
    assert pods.trouble({"status": status}) == (words, hopeless)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ({"status": "Success"}, 0),
        ({"status": "Failure", "details": {"causes": [{"reason": "ExitCode", "message": "7"}]}}, 7),
    ],
)
def test_how_a_program_ended(status: Json, code: int) -> None:
    assert streams.exit_code(status, "Pod p") == code


def test_a_program_that_could_not_be_run() -> None:
    with pytest.raises(ApiError, match="run a program in Pod p: executable file not found"):
        streams.exit_code({"status": "Failure", "message": "executable file not found", "code": 500}, "Pod p")


def test_check_mode_runs_nothing() -> None:
    result = probes.execute(Call(icmp(), check_mode=True))
    assert (result["changed"], result["ran"], result["reachable"]) == (False, False, None)
    assert "nothing was run" in result["msg"]


def test_a_password_in_a_url_is_a_secret() -> None:
    call = Call(
        params(kind="http", url="http://me:hush-hush@10.1.0.9/", source_url="http://me:psst-psst@h/"), check_mode=True
    )
    probes.execute(call)
    assert call.secrets == {"hush-hush", "psst-psst"}
