# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fabric with real namespaces and packets.

Where the machine can't, the tests fail with the reason, unless PODREACH_NO_PACKETS is set.
"""

from __future__ import annotations

import asyncio
import collections.abc
import contextlib
import dataclasses
import fcntl
import json
import os
import pathlib
import pty
import random
import re
import resource
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import termios
import textwrap
import time
import typing as t

import pytest

from ansible_collections.podreach.gke.tests.lab import podreach_lab
from ansible_collections.podreach.gke.tests.lab.podreach_lab.dataplane import capability, nft
from ansible_collections.podreach.gke.tests.lab.podreach_lab.dataplane.execution import ExecServer
from ansible_collections.podreach.gke.tests.lab.podreach_lab.dataplane.fabric import (
    ApplyError,
    Fabric,
    FabricDied,
    Unavailable,
)
from ansible_collections.podreach.gke.tests.lab.podreach_lab.dataplane.plan import (
    End,
    Link,
    Namespace,
    Plan,
    Route,
    Rule,
)

LAB = pathlib.Path(podreach_lab.__file__).resolve().parent.parent
SECONDS = 30
Body = collections.abc.Callable[[Fabric], collections.abc.Awaitable[None]]


@pytest.fixture(scope="module", autouse=True)
def packets() -> None:
    async def attempt() -> None:
        await (await Fabric.start()).close()

    try:
        asyncio.run(attempt())
    except Unavailable as error:
        if os.environ.get("PODREACH_NO_PACKETS"):
            pytest.skip(str(error))
        pytest.fail(f"{error} (PODREACH_NO_PACKETS=1 skips these tests)")


def with_fabric(body: Body) -> None:
    """Run a test's body with a fabric of its own."""

    async def run() -> None:
        fabric = await Fabric.start()
        try:
            await asyncio.wait_for(body(fabric), SECONDS)
        finally:
            await fabric.close()

    asyncio.run(run())


def host(address: str, device: str = "eth0") -> Namespace:
    return Namespace(
        frozenset({(device, f"{address}/32")}), frozenset({Route("0.0.0.0/0", ((device, 1),), source=address)})
    )


FILTER = """
table inet filter {
    counter passed { }
    counter nowhere { }
    chain forward {
        type filter hook forward priority 0;
        oifname lo counter name nowhere drop
        counter name passed
    }
}
"""


def star(**router: t.Any) -> Plan:
    """a and b behind the router r; 10.9.0.0/16 is dropped there and counted."""
    routes = {Route("10.0.0.1/32", (("a", 1),)), Route("10.0.1.1/32", (("b", 1),)), Route("10.9.0.0/16", (("lo", 1),))}
    fields = {"routes": frozenset(routes), "forwards": True, "nft": FILTER, **router}
    return Plan(
        {"a": host("10.0.0.1"), "b": host("10.0.1.1"), "r": Namespace(**fields)},
        frozenset({Link(End("a", "eth0"), End("r", "a")), Link(End("r", "b"), End("b", "eth0"))}),
    )


def changed(plan: Plan, namespace: str, **fields: t.Any) -> Plan:
    there = plan.namespaces[namespace]
    return dataclasses.replace(plan, namespaces={**plan.namespaces, namespace: dataclasses.replace(there, **fields)})


async def output(fabric: Fabric, namespace: str, *argv: str, env: dict[str, str] | None = None) -> tuple[int, str]:
    with tempfile.TemporaryFile() as file:
        null = os.open(os.devnull, os.O_RDONLY)
        try:
            running = await fabric.run(
                namespace, list(argv), stdin=null, stdout=file.fileno(), stderr=file.fileno(), env=env or {}
            )
        finally:
            os.close(null)
        code = await running.wait()
        file.seek(0)
        return code, file.read().decode()


async def ping(fabric: Fabric, source: str, address: str) -> str | None:
    """The TTL of the answer."""
    _code, text = await output(fabric, source, "ping", "-n", "-c1", "-W1", address)
    found = re.search(r"ttl=(\d+)", text)
    return found[1] if found else None


def test_ping_across_a_router_and_drops_counted_at_lo() -> None:
    async def body(fabric: Fabric) -> None:
        await fabric.apply(star())
        assert await ping(fabric, "a", "10.0.1.1") == "63"
        assert await ping(fabric, "a", "10.9.1.1") is None
        assert await fabric.counters() == {"r": {"passed": 2, "nowhere": 1}}
        applied = await fabric.apply(star())
        assert applied.changes == 0
        await fabric.apply(star(keeps_ttl=True))
        assert await ping(fabric, "a", "10.0.1.1") == "64"
        # Survives another text, and can be taken back.
        await fabric.apply(star(keeps_ttl=True, nft=FILTER.replace("passed", "through")))
        assert await ping(fabric, "a", "10.0.1.1") == "64"
        assert await fabric.counters(["r"]) == {"r": {"through": 2, "nowhere": 0}}
        await fabric.apply(star())
        assert await ping(fabric, "a", "10.0.1.1") == "63"
        await fabric.apply(star(forwards=False))
        assert await ping(fabric, "a", "10.0.1.1") is None

    with_fabric(body)


def test_the_first_packet_over_a_new_link_arrives() -> None:
    async def body(fabric: Fabric) -> None:
        for _number in range(100):
            await fabric.apply(star())
            async with asyncio.timeout(5):
                sender = await fabric.socket("a", socket.AF_INET, socket.SOCK_DGRAM)
                receiver = await fabric.socket("b", socket.AF_INET, socket.SOCK_DGRAM, bind=("10.0.1.1", 7))
                with sender, receiver:
                    sender.sendto(b"x", ("10.0.1.1", 7))
                    receiver.settimeout(2)
                    assert receiver.recvfrom(9)[0] == b"x"
            await fabric.apply(Plan())

    with_fabric(body)


def test_ecmp_uses_all_hops() -> None:
    def middle() -> Namespace:
        routes = {Route("10.0.0.1/32", (("a", 1),)), Route("10.0.1.1/32", (("b", 1),))}
        return Namespace(routes=frozenset(routes), forwards=True, nft=FILTER)

    both = frozenset({Route("0.0.0.0/0", (("one", 1), ("two", 1)), source="10.0.0.1")})
    address = frozenset({("lo", "10.0.0.1/32")})
    plan = Plan(
        {
            "a": Namespace(address, both),
            "one": middle(),
            "two": middle(),
            "b": Namespace(frozenset({("lo", "10.0.1.1/32")})),
        },
        frozenset(Link(End(name, end), End(end, name)) for name in ("one", "two") for end in ("a", "b")),
    )

    async def body(fabric: Fabric) -> None:
        await fabric.apply(plan)
        for _number in range(40):
            with await fabric.socket("a", socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.sendto(b"x", ("10.0.1.1", 7))
        seen = await fabric.counters()
        assert seen["one"]["passed"] + seen["two"]["passed"] == 40
        assert min(seen["one"]["passed"], seen["two"]["passed"]) > 4
        # One hop less, in place.
        one = frozenset({Route("0.0.0.0/0", (("one", 1),), source="10.0.0.1")})
        applied = await fabric.apply(changed(plan, "a", routes=one))
        assert applied.changes == 1
        with await fabric.socket("a", socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"x", ("10.0.1.1", 7))
        assert (await fabric.counters(["one"]))["one"]["passed"] == seen["one"]["passed"] + 1

    with_fabric(body)


def test_rules_choose_the_table_by_where_a_packet_came_in() -> None:
    async def body(fabric: Fabric) -> None:
        back = frozenset({Route("10.0.0.1/32", (("a", 1),)), Route("10.0.1.1/32", (("b", 1),), table=1000)})
        blocked = Rule(90, 1001, to="10.0.1.0/24")
        chosen = Rule(100, 1000, device="a")
        await fabric.apply(star(routes=back))
        assert await ping(fabric, "a", "10.0.1.1") is None
        await fabric.apply(star(routes=back, rules=frozenset({chosen})))
        assert await ping(fabric, "a", "10.0.1.1") == "63"
        refused = back | {Route("0.0.0.0/0", (), table=1001)}
        await fabric.apply(star(routes=frozenset(refused), rules=frozenset({chosen, blocked})))
        code, text = await output(fabric, "a", "ping", "-n", "-c1", "-W1", "10.0.1.1")
        assert code == 1 and "Unreachable" in text
        await fabric.apply(star(routes=frozenset(refused), rules=frozenset({chosen})))
        assert await ping(fabric, "a", "10.0.1.1") == "63"

    with_fabric(body)


def test_failures_are_named_and_healed() -> None:
    async def body(fabric: Fabric) -> None:
        good = star()
        await fabric.apply(good)
        routes = good.namespaces["r"].routes
        bad = changed(
            changed(good, "r", nft="table ip x {\nnonsense\n}\n", routes=routes | {Route("10.7.0.0/16", (("no", 1),))}),
            "a",
            routes=frozenset({Route("0.0.0.0/0", (("eth0", 1),), source="10.66.6.6")}),
            addresses=frozenset({("eth0", "10.0.0.1/32"), ("lo", "10.0.0.99/32")}),
        )
        for _attempt in range(2):
            with pytest.raises(ApplyError) as raised:
                await fabric.apply(bad)
            told = [str(failure) for failure in raised.value.failures]
            assert len(told) == 3, told
            assert any("r: nft: Error: syntax error" in text for text in told)
            assert any("10.7.0.0/16" in text and "no device no" in text for text in told)
            assert any(text.startswith("a: set route") and "10.66.6.6" in text for text in told)
            # The rest was done, what was before still works.
            assert ("lo", "10.0.0.99/32") in fabric.held.namespaces["a"].addresses
            assert await ping(fabric, "a", "10.0.1.1") == "63"
        await fabric.apply(good)
        assert await ping(fabric, "a", "10.0.1.1") == "63"
        assert (await output(fabric, "a", "ip", "-4", "address", "show", "dev", "lo"))[1].count("inet") == 1

    with_fabric(body)


async def kernel(fabric: Fabric, namespace: str) -> dict[str, t.Any]:
    """What ip(8) and nft(8) see in a namespace: the oracle for what the fabric believes."""
    text = (await output(fabric, namespace, "ip", "-j", "-d", "address"))[1]
    devices = [item for item in json.loads(text) if item["ifname"] == "lo" or item.get("linkinfo")]
    routes = json.loads((await output(fabric, namespace, "ip", "-j", "-d", "route", "show", "table", "all"))[1])
    rules = json.loads((await output(fabric, namespace, "ip", "-j", "rule"))[1])
    tables = (await output(fabric, namespace, "nft", "list", "tables"))[1]
    return {
        "devices": {item["ifname"]: (item["mtu"], "UP" in item["flags"]) for item in devices if item["ifname"] != "lo"},
        "addresses": {
            (item["ifname"], f"{address['local']}/{address['prefixlen']}")
            for item in devices
            for address in item["addr_info"]
            if address["local"] != "127.0.0.1"
        },
        "routes": {
            (
                "0.0.0.0/0" if item["dst"] == "default" else item["dst"],
                frozenset(hop["dev"] for hop in item.get("nexthops", [item]) if item["type"] == "unicast"),
                item.get("prefsrc", ""),
            )
            for item in routes
            if item.get("protocol") == "77"
        },
        "rules": {(item["priority"], item["table"]) for item in rules if item["priority"] not in (0, 32766, 32767)},
        "tables": set(tables.split("\n")) - {""},
    }


def wanted(plan: Plan, name: str) -> dict[str, t.Any]:
    there = plan.namespaces[name]
    tables = {"table ip mangle"} if there.keeps_ttl else set()
    return {
        "devices": {
            end.device: (link.mtu, True) for link in plan.links for end in (link.a, link.b) if end.namespace == name
        },
        "addresses": set(there.addresses),
        "routes": {
            (route.to, frozenset(device for device, _weight in route.hops), route.source) for route in there.routes
        },
        "rules": {(rule.priority, str(rule.table)) for rule in there.rules},
        "tables": tables | ({"table ip t"} if there.nft else set()),
    }


def some_plan(chance: random.Random) -> Plan:
    names = [name for name in "abcd" if chance.random() < 0.8]
    free = [End(name, device) for name in names for device in ("p", "q", "s")]
    chance.shuffle(free)
    links = frozenset(
        Link(free[2 * number], free[2 * number + 1], chance.choice((1400, 1460))) for number in range(len(free) // 3)
    )
    namespaces = {}
    for name in names:
        devices = ["lo", *(end.device for link in links for end in (link.a, link.b) if end.namespace == name)]
        addresses = {(chance.choice(devices), f"10.0.0.{chance.randrange(1, 4)}/32") for _number in range(2)}
        sources = ["", *(address.removesuffix("/32") for _device, address in sorted(addresses))]
        namespaces[name] = Namespace(
            frozenset(addresses),
            frozenset(
                Route(
                    to,
                    tuple((device, 1) for device in chance.sample(devices, chance.randrange(len(devices) + 1))),
                    chance.choice((254, 1000)),
                    chance.choice(sources),
                )
                for to in ("10.1.0.0/16", "10.2.0.0/16", "0.0.0.0/0")
                if chance.random() < 0.7
            ),
            frozenset({Rule(priority, 1000) for priority in (10, 20) if chance.random() < 0.5}),
            chance.random() < 0.5,
            chance.random() < 0.5,
            chance.choice(("", "table ip t {\n}\n", "table ip t {\ncounter c {\n}\n}\n")),
        )
    return Plan(namespaces, links)


def test_after_any_sequence_the_kernel_holds_the_plan() -> None:
    chance = random.Random(20261123)

    async def body(fabric: Fabric) -> None:
        for _number in range(40):
            plan = some_plan(chance)
            await fabric.apply(plan)
            for name in plan.namespaces:
                assert await kernel(fabric, name) == wanted(plan, name), name
            assert (await fabric.apply(plan)).changes == 0

    with_fabric(body)


def test_sockets() -> None:
    async def body(fabric: Fabric) -> None:
        await fabric.apply(star())
        loop = asyncio.get_running_loop()
        tap = await fabric.socket("r", socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3), bind=("a", 3))
        reuse = (socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener = await fabric.socket("b", socket.AF_INET, socket.SOCK_STREAM, bind=("10.0.1.1", 80), options=[reuse])
        client = await fabric.socket("a", socket.AF_INET, socket.SOCK_STREAM)
        raw = await fabric.socket("a", socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        with tap, listener, client, raw:
            assert listener.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR) == 1
            for item in (listener, client):
                item.setblocking(False)
            listener.listen()
            await loop.sock_connect(client, ("10.0.1.1", 80))
            served, peer = await loop.sock_accept(listener)
            assert peer[0] == "10.0.0.1"
            served.close()
            assert await loop.sock_recv(client, 1) == b""
            tap.setblocking(False)
            assert tap.recv(2000)[12:14] == b"\x08\x00"
            echo = b"\x08\x00\xf7\xfd\x00\x01\x00\x01"
            raw.sendto(echo, ("10.0.1.1", 0))
            raw.settimeout(2)
            assert raw.recv(2000)[20] == 0
        with pytest.raises(OSError, match="assign"):
            await fabric.socket("b", socket.AF_INET, socket.SOCK_STREAM, bind=("10.0.9.9", 80))
        with pytest.raises(LookupError, match="nowhere"):
            await fabric.socket("nowhere", socket.AF_INET, socket.SOCK_STREAM)

    with_fabric(body)


def test_programs() -> None:
    async def body(fabric: Fabric) -> None:
        await fabric.apply(star())
        assert await output(fabric, "a", "sh", "-c", "echo $X $PWD; exit 3", env={"X": "y"}) == (3, "y /\n")
        assert (await output(fabric, "a", "sh", "-c", "kill -9 $$"))[0] == 137
        with pytest.raises(FileNotFoundError, match="no-such-program"):
            await output(fabric, "a", "no-such-program")
        results = await asyncio.gather(*(output(fabric, "b", "sh", "-c", f"exit {n}") for n in range(50)))
        assert [code for code, _text in results] == list(range(50))
        # Killing reaches what the program started.
        running = await fabric.run("a", ["sh", "-c", "sleep 1000 & wait"], stdin=0, stdout=2, stderr=2, env={})
        await running.kill(signal.SIGTERM)
        assert await running.wait() == 128 + signal.SIGTERM
        await running.kill()
        # An orphan is collected; nothing but the worker and ps is left.
        assert (await output(fabric, "a", "sh", "-c", "(sleep 0.05 &) ; exit 0"))[0] == 0
        await asyncio.sleep(0.2)
        processes = (await output(fabric, "a", "ps", "-e", "-o", "stat=,comm="))[1].strip().splitlines()
        assert len(processes) == 2, processes
        # A program ends with its namespace.
        running = await fabric.run("a", ["sleep", "1000"], stdin=0, stdout=2, stderr=2, env={})
        await fabric.apply(Plan())
        assert await running.wait() == 137

    with_fabric(body)


def test_the_machine_is_out_of_reach_of_programs() -> None:
    async def body(fabric: Fabric) -> None:
        assert fabric.could_not == []
        await fabric.apply(star())
        script = """
            touch /etc/podreach /usr/podreach /dev/podreach; echo x > /tmp/podreach && echo x > /run/podreach
            echo 1 > /proc/sys/kernel/sysrq; echo 0 > /proc/sys/net/ipv4/ip_forward; ls /dev/vd* /dev/sd*; ls /tmp
        """
        _code, text = await output(fabric, "r", "sh", "-c", script)
        assert text.splitlines()[-1] == "podreach"
        assert text.count("Read-only") >= 4, text
        assert not any(os.path.exists(f"{place}/podreach") for place in ("/etc", "/usr", "/dev", "/tmp", "/run"))
        assert await ping(fabric, "a", "10.0.1.1") == "63"

    with_fabric(body)


def test_a_terminal() -> None:
    async def body(fabric: Fabric) -> None:
        await fabric.apply(star())
        master, slave = pty.openpty()
        script = "trap 'stty size; exit 4' WINCH; tty >/dev/null && echo ready; while :; do sleep 0.02; done"
        running = await fabric.run(
            "a", ["bash", "-c", script], stdin=slave, stdout=slave, stderr=slave, env={}, tty=True
        )
        os.close(slave)
        assert b"ready" in await asyncio.to_thread(os.read, master, 100)
        running.resize(33, 101)
        assert await running.wait() == 4
        assert b"33 101" in os.read(master, 100)
        with pytest.raises(OSError):
            os.read(master, 100)  # nobody holds the other end any more
        os.close(master)

    with_fabric(body)


# --- lab exec


async def with_exec(fabric: Fabric, directory: pathlib.Path) -> ExecServer:
    async def ready() -> Fabric:
        return fabric

    def resolve(name: str) -> str:
        if name not in fabric.held.namespaces:
            raise LookupError(f"nothing is called {name}; there are: a, b, r")
        return name

    server = ExecServer(directory, ready, resolve)
    await server.start()
    return server


def client_command(directory: pathlib.Path, name: str, *argv: str) -> list[str]:
    code = (
        "import pathlib, sys; from podreach_lab.dataplane.exec_client import exec_client;"
        "sys.exit(exec_client(pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3:]))"
    )
    return [sys.executable, "-c", code, str(directory), name, *argv]


CLIENT_ENVIRONMENT = {**os.environ, "PYTHONPATH": str(LAB), "TERM": "dumb"}


def test_exec(tmp_path: pathlib.Path) -> None:
    directory = tmp_path / ("d" * 100) / ("e" * 100)
    directory.mkdir(parents=True)

    def call(name: str, *argv: str, given: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            client_command(directory, name, *argv),
            env=CLIENT_ENVIRONMENT,
            input=given,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    async def body(fabric: Fabric) -> None:
        none = await asyncio.to_thread(call, "a", "true")
        assert (none.returncode, none.stdout) == (125, "") and "lab up" in none.stderr
        await fabric.apply(star())
        server = await with_exec(fabric, directory)
        assert stat.S_IMODE((directory / "exec.sock").stat().st_mode) == 0o600
        done = await asyncio.to_thread(lambda: call("a", "sh", "-c", "cat; echo $TERM >&2; exit 7", given="hello"))
        assert (done.returncode, done.stdout, done.stderr) == (7, "hello", "dumb\n")
        done = await asyncio.to_thread(call, "nobody", "true")
        assert (done.returncode, done.stderr) == (125, "lab: nothing is called nobody; there are: a, b, r\n")
        done = await asyncio.to_thread(call, "a", "no-such-program")
        assert (done.returncode, done.stderr) == (127, "lab: no-such-program: no such program\n")
        # Signals are passed on; a killed client takes its program along.
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            process = subprocess.Popen(
                client_command(directory, "a", "sh", "-c", "echo started; exec sleep 1000"),
                env=CLIENT_ENVIRONMENT,
                stdout=subprocess.PIPE,
            )
            assert process.stdout
            await asyncio.to_thread(process.stdout.readline)
            await asyncio.sleep(0.1)
            process.send_signal(number)
            assert await asyncio.to_thread(process.wait, SECONDS) == code
            process.stdout.close()
        process = subprocess.Popen(client_command(directory, "a", "sleep", "1001"), env=CLIENT_ENVIRONMENT)
        while "sleep 1001" not in (await output(fabric, "b", "ps", "-e", "-o", "args="))[1]:
            await asyncio.sleep(0.05)
        process.kill()
        process.wait()
        while "sleep 1001" in (await output(fabric, "b", "ps", "-e", "-o", "args="))[1]:
            await asyncio.sleep(0.05)
        await server.close()
        assert not (directory / "exec.sock").exists()

    with_fabric(body)


def test_exec_in_a_terminal(tmp_path: pathlib.Path) -> None:
    async def body(fabric: Fabric) -> None:
        await fabric.apply(star())
        server = await with_exec(fabric, tmp_path)
        process, master = pty.fork()
        if not process:
            os.execve(sys.executable, client_command(tmp_path, "a", "bash", "--norc"), CLIENT_ENVIRONMENT)
        seen = b""

        async def expect(text: bytes) -> None:
            nonlocal seen
            async with asyncio.timeout(10):
                while text not in seen:
                    seen += await asyncio.to_thread(os.read, master, 1000)
            seen = seen[seen.index(text) + len(text) :]

        os.write(master, b"PS1='ready> '; echo $((40+2))\n")
        await expect(b"42\r\n")
        os.write(master, b"sleep 1000\n")
        await expect(b"sleep 1000")
        await asyncio.sleep(0.3)
        os.write(master, b"\x03")
        await expect(b"ready> ")
        os.write(master, b"echo code=$?\n")
        await expect(b"code=130")
        # A resized window is a resized terminal there.
        fabric_size = (41, 137)

        fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("=HHHH", *fabric_size, 0, 0))
        await asyncio.sleep(0.2)
        os.write(master, b"stty size\n")
        await expect(b"41 137")
        os.write(master, b"exit 9\n")
        _process, status = await asyncio.to_thread(os.waitpid, process, 0)
        assert os.waitstatus_to_exitcode(status) == 9
        os.close(master)
        await server.close()

    with_fabric(body)


# --- life and death


def test_two_fabrics_do_not_meet() -> None:
    async def body(fabric: Fabric) -> None:
        other = await Fabric.start()
        try:
            await asyncio.gather(fabric.apply(star()), other.apply(star(forwards=False)))
            assert await ping(fabric, "a", "10.0.1.1") == "63"
            assert await ping(other, "a", "10.0.1.1") is None
        finally:
            await other.close()
        assert await ping(fabric, "a", "10.0.1.1") == "63"

    with_fabric(body)


def test_death_of_the_child_is_noticed() -> None:
    async def body(fabric: Fabric) -> None:
        await fabric.apply(star())
        died = asyncio.Event()
        fabric.on_death = died.set
        running = await fabric.run("a", ["sleep", "1000"], stdin=0, stdout=2, stderr=2, env={})
        fabric.process.kill()
        await asyncio.wait_for(died.wait(), 5)
        assert await running.wait() == 137
        with pytest.raises(FabricDied):
            await fabric.apply(Plan())
        with pytest.raises(FabricDied):
            await ping(fabric, "a", "10.0.1.1")

    with_fabric(body)


SERVER = textwrap.dedent("""
    import asyncio, sys
    from podreach_lab.dataplane.fabric import Fabric
    from podreach_lab.dataplane.plan import End, Link, Namespace, Plan

    async def main():
        fabric = await Fabric.start()
        link = Link(End("a", "x"), End("b", "y"))
        await fabric.apply(Plan({"a": Namespace(), "b": Namespace()}, frozenset({link})))
        running = await fabric.run("a", ["sleep", "1000"], stdin=0, stdout=2, stderr=2, env={})
        await fabric.run("b", ["setsid", "sleep", "1000"], stdin=0, stdout=2, stderr=2, env={})
        print(fabric.process.pid, flush=True)
        if "end" in sys.argv:
            await fabric.close()
            return
        await running.wait()

    asyncio.run(main())
""")


def descendants(process: int) -> set[int]:
    found = {process}
    for entry in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == process:
            found |= descendants(int(entry.parent.name))
    return found


def namespaces_in_use(until: float = float("inf")) -> set[str]:
    """Those of processes that started before a moment: others may have got a number that was free again."""
    processes = {int(entry.name) for entry in pathlib.Path("/proc").glob("[0-9]*")}
    return namespaces_of({process for process in processes if lives(process, until)})


@contextlib.contextmanager
def launched_server(*command: str) -> t.Iterator[tuple[subprocess.Popen[bytes], set[int], set[str]]]:
    """A server with a fabric: its process, those below it, the namespaces they are in."""
    before = namespaces_in_use()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(LAB), *sys.path])}
    server = subprocess.Popen(
        [*(command or (sys.executable,)), "-c", SERVER], stdout=subprocess.PIPE, env=environment, cwd="/"
    )
    with server:
        try:
            assert server.stdout
            line = server.stdout.readline()
            assert line.strip().isdigit(), "the server did not start"
            below = descendants(int(line))
            # unshare, the worker and two sleepers, one of which takes a detour
            while len(below) < 4 or sum(command_of(process) == "sleep" for process in below) < 2:
                time.sleep(0.01)
                below = descendants(int(line))
            yield server, below, namespaces_of(below) - before
        finally:
            server.kill()


def command_of(process: int) -> str:
    try:
        return pathlib.Path(f"/proc/{process}/comm").read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def namespaces_of(processes: set[int]) -> set[str]:
    found = set()
    for process in processes:
        for kind in ("net", "pid", "mnt"):
            try:
                found.add(os.readlink(f"/proc/{process}/ns/{kind}"))
            except OSError:
                pass
    return found


def now() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def lives(process: int, until: float = float("inf")) -> bool:
    """Not so a zombie: when the machine's first process collects it is not our matter."""
    try:
        status = pathlib.Path(f"/proc/{process}/stat").read_text(encoding="utf-8")
    except OSError:
        return False
    fields = status.rpartition(")")[2].split()
    return fields[0] != "Z" and int(fields[19]) / os.sysconf("SC_CLK_TCK") < until


def left_over(processes: set[int], namespaces: set[str]) -> str:
    """What is still there, after a moment."""
    began = now()
    while True:
        alive = {process for process in processes if lives(process, began)}
        used = namespaces & namespaces_in_use(began)
        if not alive and not used:
            return ""
        if now() > began + 5:
            return f"processes {alive}, namespaces {used}"
        time.sleep(0.01)


@pytest.mark.parametrize("frozen", [False, True])
def test_a_killed_server_leaves_nothing(frozen: bool) -> None:
    """Also when the child hangs and cannot notice by itself."""
    for _cycle in range(2 if frozen else 20):
        with launched_server() as (server, below, namespaces):
            assert len(namespaces) >= 3
            if frozen:
                for process in below:
                    if command_of(process) != "unshare":
                        os.kill(process, signal.SIGSTOP)
            server.kill()
        assert left_over(below, namespaces) == ""


# --- machines that can't


def test_reasons(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("PATH", str(tmp_path))
        with pytest.raises(Unavailable, match="util-linux"):
            capability.check()
    with monkeypatch.context() as patch:
        patch.setattr(nft, "LIBRARY", "libnothing.so.1")
        with pytest.raises(Unavailable, match="apt install nftables"):
            capability.check()
    with monkeypatch.context() as patch:
        patch.setattr(resource, "getrlimit", lambda _which: (1024, 1024))
        with pytest.raises(Unavailable, match="only 1024 files"):
            capability.check()


def test_root_needs_no_user_namespace(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    """As in a container that forbids user namespaces but is privileged otherwise."""
    if os.geteuid():
        return
    real = shutil.which("unshare")
    program = tmp_path / "unshare"
    program.write_text(f'#!/bin/sh\ncase $1 in *U*) echo no >&2; exit 1;; esac\nexec {real} "$@"\n', encoding="ascii")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")

    async def body(fabric: Fabric) -> None:
        await fabric.apply(star(keeps_ttl=True))
        assert await ping(fabric, "a", "10.0.1.1") == "64"
        assert fabric.could_not == []

    with_fabric(body)


def test_a_refusal_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    """An unshare that fails as it does where user namespaces are forbidden."""
    program = tmp_path / "unshare"
    program.write_text(
        "#!/bin/sh\necho 'unshare: unshare failed: Operation not permitted' >&2\nexit 1\n", encoding="ascii"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    for log in (None, tmp_path / "log"):
        with pytest.raises(Unavailable, match="Operation not permitted") as raised:
            asyncio.run(Fabric.start(log))
        assert raised.value.remedy
