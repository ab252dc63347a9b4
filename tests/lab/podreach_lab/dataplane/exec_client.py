# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`lab exec`: the user's side. A program gets this process's own descriptors, or a terminal of its own."""

from __future__ import annotations

import errno
import fcntl
import os
import pathlib
import select
import signal
import socket
import struct
import sys
import termios
import tty
import typing as t

from . import wire

SOCKET = "exec.sock"
LAB_FAILED = 125
PASSED_ON = ("TERM", "LANG", "LC_ALL", "TZ", "COLORTERM")
BLOCK = 1 << 16


def exec_client(directory: pathlib.Path, name: str, argv: list[str]) -> int:
    """Run a program where `name` is. Returns its exit code; 125 when the lab could not, having said why."""
    link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with link:
        try:
            descriptor = os.open(directory, os.O_PATH | os.O_DIRECTORY)
            try:
                # By the directory's descriptor, for a socket's path may have no more than 107 characters.
                link.connect(f"/proc/self/fd/{descriptor}/{SOCKET}")
            finally:
                os.close(descriptor)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ECONNREFUSED, errno.ENOTDIR):
                raise
            print(f"lab: no lab with packets runs in {directory}. Start it: lab up", file=sys.stderr)
            return LAB_FAILED
        environment = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        request = {"name": name, "argv": argv, "env": environment}
        if os.isatty(0) and os.isatty(1):
            return in_terminal(link, request)
        wire.send(link, {**request, "tty": False}, [0, 1, 2])
        return Session(link).follow()


class Session:
    """What the server says about the program, and signals to it."""

    def __init__(self, link: socket.socket) -> None:
        self.link = link
        self.incoming = wire.Incoming()
        self.code: int | None = None

    def follow(self) -> int:
        """Wait for the end; pass on what would end this process."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            signal.signal(number, self.pass_on)
        while self.code is None:
            self.read()
        return self.code

    def pass_on(self, number: int, _frame: t.Any) -> None:
        try:
            wire.send(self.link, {"signal": number})
        except OSError:
            pass  # it has ended meanwhile; that is about to be read

    def read(self) -> None:
        if not self.incoming.read(self.link):
            print("lab: the lab has ended", file=sys.stderr)
            self.code = LAB_FAILED
        for message, _descriptors in self.incoming.messages():
            if "error" in message:
                print(f"lab: {message['error']}", file=sys.stderr)
            if "exit" in message:
                self.code = message["exit"]


def in_terminal(link: socket.socket, request: wire.Json) -> int:
    """The program gets a pseudo-terminal; this process carries bytes between it and the user's.

    So Ctrl-C, job control and full-screen programs work as they do over ssh.
    """
    master, slave = os.openpty()
    copy_size(master)
    wire.send(link, {**request, "tty": True}, [slave, slave, slave if os.isatty(2) else 2])
    os.close(slave)
    signal.signal(signal.SIGWINCH, lambda _number, _frame: copy_size(master))
    before = termios.tcgetattr(0)
    session = Session(link)
    try:
        tty.setraw(0, termios.TCSADRAIN)  # what is typed ahead stays
        carry(session, master)
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)
        os.close(master)
    assert session.code is not None
    return session.code


def copy_size(master: int) -> None:
    size = fcntl.ioctl(0, termios.TIOCGWINSZ, struct.pack("=HHHH", 0, 0, 0, 0))
    fcntl.ioctl(master, termios.TIOCSWINSZ, size)


def carry(session: Session, master: int) -> None:
    poll = select.poll()
    for descriptor in (0, master, session.link.fileno()):
        poll.register(descriptor, select.POLLIN)
    while session.code is None:
        ready = {descriptor for descriptor, _event in poll.poll()}
        if master in ready and not output(master):
            poll.unregister(master)
        if 0 in ready:
            typed = os.read(0, BLOCK)
            if typed:
                os.write(master, typed)
            else:
                poll.unregister(0)
        if session.link.fileno() in ready:
            session.read()
    os.set_blocking(master, False)
    while output(master):
        pass


def output(master: int) -> bool:
    """Show what the program wrote; False when there is no more."""
    try:
        data = os.read(master, BLOCK)
    except OSError:
        return False  # EIO: nobody has the other end open; EAGAIN: no more for now
    while data:
        data = data[os.write(1, data) :]
    return True
