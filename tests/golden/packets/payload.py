# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Datagrams of a given length that may not be fragmented, sent by a program in one machine to a program in another."""

from __future__ import annotations

import concurrent.futures

from ansible_collections.podreach.gke.tests.golden.packets.world import World

HEADERS = 28
SMALL = 100
#: Sends three of the length and then a small one, which ends a round. A kernel that has been told refuses the long.
SEND = """
import socket, sys
to, port, length = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
out.setsockopt(socket.IPPROTO_IP, 10, 2)  # IP_MTU_DISCOVER, IP_PMTUDISC_DO: set DF
out.connect((to, port))
for size in (length, length, length, 100):
    for _again in range(2):
        try:
            out.send(bytes(size))
            break
        except OSError as error:
            if error.errno == 90:  # EMSGSIZE
                print("told")
"""
#: Until the second small one: at least one whole round has been heard.
LISTEN = """
import socket, sys
into = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
into.bind(("", int(sys.argv[1])))
into.settimeout(10)
seen = []
while seen.count(100) < 2:
    seen.append(len(into.recv(2000)))
print(*seen)
"""


def datagrams(world: World, name: str, machine: str, address: str, port: int, ip_length: int) -> tuple[bool, bool]:
    """Whether IP packets of this length, with DF, come from ``name`` to the machine at the address, and whether the
    sender is told that they are too long."""
    size = ip_length - HEADERS
    assert size != SMALL
    told = False
    with concurrent.futures.ThreadPoolExecutor() as threads:
        listening = threads.submit(world.lab.exec, machine, "python3", "-c", LISTEN, str(port))
        while not listening.done():
            sent = world.lab.exec(name, "python3", "-c", SEND, address, str(port), str(size))
            assert sent.returncode == 0, sent
            told = told or "told" in sent.stdout
        heard = listening.result()
    assert heard.returncode == 0, f"not even small ones arrive: {heard}"
    return str(size) in heard.stdout.split(), told


STREAM = """
import socket, sys
out = socket.create_connection((sys.argv[1], int(sys.argv[2])), 10)
out.sendall(bytes(int(sys.argv[3])))
out.shutdown(socket.SHUT_WR)
print(out.recv(100).decode())
"""
TAKE = """
import socket, sys
into = socket.create_server(("", int(sys.argv[1])))
into.settimeout(10)
while True:
    stream, _peer = into.accept()
    stream.settimeout(10)
    count = 0
    while data := stream.recv(65536):
        count += len(data)
    stream.sendall(str(count).encode())
    stream.close()
    if count:
        break
"""


def streams(world: World, name: str, machine: str, address: str, port: int, count: int) -> bool:
    """Whether so many bytes come by TCP from ``name`` to the machine at the address."""
    with concurrent.futures.ThreadPoolExecutor() as threads:
        taking = threads.submit(world.lab.exec, machine, "python3", "-c", TAKE, str(port))
        while not taking.done():
            # refused until the other listens
            sent = world.lab.exec(name, "python3", "-c", STREAM, address, str(port), str(count))
            if sent.returncode == 0:
                return bool(sent.stdout.strip() == str(count))
        return False
