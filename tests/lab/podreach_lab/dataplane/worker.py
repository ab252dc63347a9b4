# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The child process inside the namespaces: it does what the server asks, one request after the other.

Started by fabric.py as the first process of a pid namespace, so that all it starts dies with it. It knows nothing of
plans: namespaces are numbers here, and what is to be configured comes as finished netlink messages, sysctls and nft
texts. It has one thread, which enters the network namespace in question and leaves it again.

Everything is imported at the top: later /tmp is another one, and a checkout may lie there.
"""

from __future__ import annotations

import base64
import ctypes
import errno
import fcntl
import os
import resource
import select
import shutil
import signal
import socket
import struct
import sys
import time
import traceback
import typing as t

from . import nft, wire

Json = wire.Json

CLONE_NEWNET = 0x40000000
MOST_DESCRIPTORS = 65536
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# linux/netlink.h, linux/rtnetlink.h
NLMSG_HEADER = struct.Struct("=IHHII")
NLMSG_ERROR = 2
RTM_NEWLINK = 16
RTM_GETLINK = 18
NLM_F_REQUEST = 0x1
NLM_F_ACK = 0x4
NLM_F_CAPPED = 0x100
NLM_F_ACK_TLVS = 0x200
NLMSGERR_ATTR_MSG = 1
SOL_NETLINK = 270
NETLINK_NETFILTER = 12
NETLINK_CAP_ACK = 10
NETLINK_EXT_ACK = 11
IFF_RUNNING = 0x40
MESSAGES_AT_ONCE = 100
LINK_SECONDS = 2.0

# linux/mount.h
MS_RDONLY = 0x1
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_NOEXEC = 0x8
MS_REMOUNT = 0x20
MS_BIND = 0x1000
MNT_DETACH = 0x2
MOUNT_ATTR_RDONLY = 0x1
AT_FDCWD = -100
AT_RECURSIVE = 0x8000
SYS_MOUNT_SETATTR = 442  # the same number on every architecture that came after system call 424

libc = ctypes.CDLL(None, use_errno=True)


def check(result: int, what: str) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def enter(descriptor: int) -> None:
    check(libc.setns(descriptor, CLONE_NEWNET), "setns")


def mount(source: str, target: str, kind: str, flags: int = 0, options: str = "") -> None:
    check(
        libc.mount(source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), options.encode()),
        f"mount {kind or source} on {target}",
    )


def read_only(target: str, setting: bool, recursive: bool = False) -> None:
    """mount_setattr(2)."""
    attributes = struct.pack("=QQQQ", *((MOUNT_ATTR_RDONLY, 0) if setting else (0, MOUNT_ATTR_RDONLY)), 0, 0)
    result = libc.syscall(
        ctypes.c_long(SYS_MOUNT_SETATTR),
        ctypes.c_int(AT_FDCWD),
        ctypes.c_char_p(target.encode()),
        ctypes.c_uint(AT_RECURSIVE if recursive else 0),
        ctypes.c_char_p(attributes),
        ctypes.c_size_t(len(attributes)),
    )
    check(result, f"mount_setattr {target}")


def keep(descriptor: int) -> int:
    """The same open file under a number that select() never sees."""
    kept = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, wire.FIRST_KEPT)
    os.close(descriptor)
    return kept


def private_root() -> tuple[int, list[str]]:
    """Make what programs see of the machine harmless: read-only files, an empty /tmp and /run, few devices.

    Returns a directory descriptor of a writable /proc/sys/net, and what could not be done.
    """
    could_not = []

    def attempt(action: t.Callable[..., None], *arguments: t.Any) -> bool:
        try:
            action(*arguments)
            return True
        except OSError as error:
            could_not.append(error.strerror or str(error))
            return False

    # Refused where the machine hides parts of its own /proc; then that one stays, with the processes outside.
    attempt(mount, "proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    # Reached by its descriptor alone, this one stays writable for us.
    mount("/proc/sys/net", "/proc/sys/net", "", MS_BIND)
    settings = os.open("/proc/sys/net", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    check(libc.umount2(b"/proc/sys/net", MNT_DETACH), "umount /proc/sys/net")
    attempt(few_devices)
    if not attempt(read_only, "/", True, True):
        remount_read_only(could_not)
    for directory in ("/tmp", "/run"):
        attempt(mount, "tmpfs", directory, "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777" if directory == "/tmp" else "")
    return settings, could_not


def few_devices() -> None:
    """A /dev without disks: the machine's root could write to them in spite of a read-only file system."""
    mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID, "mode=755")
    for name in ("null", "zero", "full", "random", "urandom", "tty", "ptmx", "net/tun"):
        if os.path.exists(f"/dev/{name}"):
            os.makedirs(os.path.dirname(f"/tmp/{name}"), exist_ok=True)
            if os.path.islink(f"/dev/{name}"):
                os.symlink(os.readlink(f"/dev/{name}"), f"/tmp/{name}")
            else:
                os.close(os.open(f"/tmp/{name}", os.O_CREAT | os.O_WRONLY, 0o666))
                mount(f"/dev/{name}", f"/tmp/{name}", "", MS_BIND)
    os.mkdir("/tmp/pts")
    mount("/dev/pts", "/tmp/pts", "", MS_BIND)
    os.mkdir("/tmp/shm")
    for name, target in (("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")):
        os.symlink(f"/proc/self/fd{target}", f"/tmp/{name}")
    check(libc.mount(b"/tmp", b"/dev", None, ctypes.c_ulong(MS_BIND | 0x4000), None), "mount /dev")
    check(libc.umount2(b"/tmp", MNT_DETACH), "umount /tmp")


def remount_read_only(could_not: list[str]) -> None:
    """For kernels before 5.12, which have no mount_setattr."""
    with open("/proc/self/mountinfo", encoding="utf-8") as handle:
        targets = [line.split()[4].encode().decode("unicode_escape") for line in handle]
    for target in targets:
        if libc.mount(None, target.encode(), None, ctypes.c_ulong(MS_REMOUNT | MS_BIND | MS_RDONLY), None) < 0:
            could_not.append(f"read-only {target}: {os.strerror(ctypes.get_errno())}")


def netlink_socket() -> socket.socket:
    """An rtnetlink socket of the namespace that the thread is in."""
    link = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    link.setsockopt(SOL_NETLINK, NETLINK_CAP_ACK, 1)
    link.setsockopt(SOL_NETLINK, NETLINK_EXT_ACK, 1)
    return link


def netlink_error(flags: int, body: bytes) -> tuple[int, str]:
    """(errno, what the kernel adds) of an NLMSG_ERROR that was sent capped."""
    (number,) = struct.unpack_from("=i", body)
    text = ""
    offset = 4 + NLMSG_HEADER.size
    while flags & NLM_F_ACK_TLVS and flags & NLM_F_CAPPED and offset + 4 <= len(body):
        length, kind = struct.unpack_from("=HH", body, offset)
        if length < 4:
            break
        if kind == NLMSGERR_ATTR_MSG:
            text = body[offset + 4 : offset + length].rstrip(b"\0").decode(errors="replace")
        offset += (length + 3) & ~3
    return -number, text


def exchange(link: socket.socket, messages: list[bytes]) -> list[tuple[int, int, str]]:
    """Send a batch; only the last message asks for an answer, but the kernel reports every error.

    Returns (number of the message, errno, text) of those that failed. A message's number is its sequence number.
    """
    failures = []
    for first in range(0, len(messages), MESSAGES_AT_ONCE):
        batch = messages[first : first + MESSAGES_AT_ONCE]
        last = bytearray(batch[-1])
        length, kind, flags, number, port = NLMSG_HEADER.unpack_from(last)
        NLMSG_HEADER.pack_into(last, 0, length, kind, flags | NLM_F_ACK, number, port)
        link.send(b"".join(batch[:-1]) + last)
        answered = False
        while not answered:
            data = link.recv(1 << 16)
            offset = 0
            while offset < len(data):
                size, kind, flags, sequence, _port = NLMSG_HEADER.unpack_from(data, offset)
                if kind == NLMSG_ERROR:
                    code, text = netlink_error(flags, data[offset + NLMSG_HEADER.size : offset + size])
                    if code:
                        failures.append((sequence, code, text))
                    answered = answered or sequence == number
                offset += (size + 3) & ~3
    return failures


def transaction(batch: bytes) -> None:
    """Send a batch to nf_tables. One of its messages asks for an answer; an error before that is one to all of it."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as link:
        link.setsockopt(SOL_NETLINK, NETLINK_CAP_ACK, 1)
        link.setsockopt(SOL_NETLINK, NETLINK_EXT_ACK, 1)
        link.send(batch)
        data = link.recv(1 << 16)
        size, _kind, flags, _sequence, _port = NLMSG_HEADER.unpack_from(data)
        code, text = netlink_error(flags, data[NLMSG_HEADER.size : size])
        if code:
            raise OSError(code, f"nf_tables: {os.strerror(code)} {text}".strip())


def split(data: bytes) -> list[bytes]:
    messages = []
    offset = 0
    while offset < len(data):
        (length,) = struct.unpack_from("=I", data, offset)
        messages.append(data[offset : offset + length])
        offset += (length + 3) & ~3
    return messages


def wait_running(link: socket.socket, indexes: list[int]) -> list[tuple[int, int, str]]:
    """Wait until links really carry packets: the kernel activates a queue later than it says "up".

    Asking for a link makes kernels since 6.8 do it at once; older ones need a moment.
    """
    failures = []
    deadline = time.monotonic() + LINK_SECONDS
    for position, index in enumerate(indexes):
        while True:
            body = struct.pack("=BBHiII", 0, 0, 0, index, 0, 0)
            link.send(NLMSG_HEADER.pack(NLMSG_HEADER.size + len(body), RTM_GETLINK, NLM_F_REQUEST, 0, 0) + body)
            data = link.recv(1 << 16)
            _size, kind, _flags, _sequence, _port = NLMSG_HEADER.unpack_from(data)
            if kind != RTM_NEWLINK:
                failures.append((position, errno.ENODEV, ""))
                break
            if struct.unpack_from("=I", data, NLMSG_HEADER.size + 8)[0] & IFF_RUNNING:
                break
            if time.monotonic() > deadline:
                failures.append((position, errno.ENETDOWN, "the link does not come up"))
                break
            time.sleep(0.001)
    return failures


def reason(error: Exception) -> tuple[int, str]:
    if isinstance(error, OSError):
        return error.errno or errno.EIO, error.strerror or str(error)
    return errno.EINVAL, str(error) or type(error).__name__


class Worker:
    """Namespaces by number, running programs by process id."""

    def __init__(self, link: socket.socket) -> None:
        self.link = link
        self.nft = nft.Nft()
        self.settings, self.could_not = private_root()
        self.settings = keep(self.settings)
        self.home = keep(os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC))
        self.namespaces: dict[int, int] = {}
        self.programs: dict[int, tuple[int, int]] = {}
        """Process id -> (number of the run, namespace)."""

    # --- configuration

    def step(self, kind: str, number: int, argument: t.Any = None) -> list[tuple[int, int, str]]:
        """Do one thing in one namespace: (position, errno, text) of what failed of it."""
        if kind == "new":
            check(libc.unshare(CLONE_NEWNET), "unshare")
            opened = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            try:
                kept = os.dup2(opened, wire.FIRST_NAMESPACE + number, inheritable=False)
            except OSError as error:
                raise OSError(errno.EMFILE, "too many open files: raise the hard limit (ulimit -Hn)") from error
            finally:
                os.close(opened)
            self.namespaces[number] = kept
            return []
        if kind == "close":
            enter(self.home)
            for process, (_run, namespace) in self.programs.items():
                if namespace == number:
                    self.kill(process, signal.SIGKILL)
            descriptor = self.namespaces.pop(number, None)
            if descriptor is not None:
                os.close(descriptor)
            return []
        self.enter(number)
        if kind == "settings":
            for name, value in argument.items():
                self.write_setting(name, value)
        elif kind == "nft":
            self.nft.run(argument)
        elif kind == "netlink":
            with netlink_socket() as link:
                return exchange(link, split(base64.b64decode(argument)))
        elif kind == "netfilter":
            transaction(base64.b64decode(argument))
        elif kind == "running":
            with netlink_socket() as link:
                return wait_running(link, argument)
        return []

    def enter(self, number: int) -> None:
        if number not in self.namespaces:
            raise OSError(errno.ENOENT, "the namespace does not exist")
        enter(self.namespaces[number])

    def write_setting(self, name: str, value: str) -> None:
        try:
            descriptor = os.open(name, os.O_WRONLY | os.O_CLOEXEC, dir_fd=self.settings)
        except FileNotFoundError:
            if name.startswith("ipv6/"):
                return  # a kernel without IPv6 is as good as one with it switched off
            raise
        try:
            os.write(descriptor, value.encode())
        except OSError as error:
            raise OSError(error.errno, f"net/{name}: {error.strerror}") from error
        finally:
            os.close(descriptor)

    def apply(self, steps: list[t.Any]) -> list[tuple[int, int | None, int, str]]:
        """Every step is tried: (step, position in it or None for all of it, errno, text) of what failed."""
        failures: list[tuple[int, int | None, int, str]] = []
        for position, (kind, number, *argument) in enumerate(steps):
            try:
                failures += [(position, *failure) for failure in self.step(kind, number, *argument)]
            except (OSError, ValueError, nft.NftError) as error:
                failures.append((position, None, *reason(error)))
            except Exception as error:
                # A mistake of ours; the server must still learn what of the rest was done.
                traceback.print_exc()
                failures.append((position, None, errno.EIO, f"{type(error).__name__}: {error}"))
        return failures

    # --- programs and sockets

    def run(self, request: Json, descriptors: list[int]) -> int:
        """Start a program; its process id in here."""
        environment: dict[str, str] = request["env"]
        environment.setdefault("PATH", PATH)
        argv: list[str] = request["argv"]
        os.chdir(request["cwd"])
        try:
            program = shutil.which(argv[0], path=environment["PATH"])
            if program is None:
                raise FileNotFoundError(errno.ENOENT, f"{argv[0]}: no such program")
            if request["tty"]:
                # setsid(1) makes its standard input the controlling terminal, which posix_spawn cannot.
                argv = ["setsid", "--ctty", program, *argv[1:]]
                program = shutil.which("setsid", path=PATH) or "/usr/bin/setsid"
            self.enter(request["namespace"])
            process = os.posix_spawn(
                program,
                argv,
                environment,
                file_actions=[(os.POSIX_SPAWN_DUP2, number, target) for target, number in enumerate(descriptors)],
                setsid=not request["tty"],
                setsigmask=[],
                setsigdef=[signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT],
            )
        finally:
            os.chdir("/")
        self.programs[process] = (request["run"], request["namespace"])
        return process

    def kill(self, process: int, number: int) -> None:
        if process not in self.programs:
            return  # reaped: the id may be another's by now
        try:
            os.killpg(process, number)
        except ProcessLookupError:
            os.kill(process, number)  # no group of its own yet

    def reap(self) -> None:
        """Collect whatever ended, also the orphans that fall to the first process of a pid namespace."""
        while True:
            try:
                process, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not process:
                return
            run, _namespace = self.programs.pop(process, (None, None))
            if run is not None:
                code = os.waitstatus_to_exitcode(status)
                wire.send(self.link, {"run": run, "exit": code if code >= 0 else 128 - code})

    def open(self, request: Json) -> socket.socket:
        """A socket made in a namespace."""
        self.enter(request["namespace"])
        made = socket.socket(request["family"], request["kind"], request["protocol"])
        try:
            for level, name, value in request["options"]:
                made.setsockopt(level, name, base64.b64decode(value) if isinstance(value, str) else value)
            if request["bind"] is not None:
                made.bind(tuple(request["bind"]))
            if request["connect"] is not None:
                made.connect(request["connect"])
            return made
        except BaseException:
            made.close()
            raise

    def counters(self, numbers: list[int]) -> list[dict[str, int]]:
        found = []
        for number in numbers:
            self.enter(number)
            found.append(self.nft.counters())
        return found

    # --- requests

    def answer(self, request: Json, descriptors: list[int]) -> tuple[Json, list[socket.socket]]:
        what = request["do"]
        if what == "apply":
            return {"failures": self.apply(request["steps"])}, []
        if what == "run":
            return {"process": self.run(request, descriptors)}, []
        if what == "kill":
            self.kill(request["process"], request["signal"])
            return {}, []
        if what == "socket":
            return {}, [self.open(request)]
        if what == "counters":
            return {"counters": self.counters(request["namespaces"])}, []
        raise ValueError(f"unknown request {what!r}")

    def handle(self, request: Json, descriptors: list[int]) -> None:
        made: list[socket.socket] = []
        try:
            reply, made = self.answer(request, descriptors)
        except (OSError, ValueError, nft.NftError) as error:
            number, text = reason(error)
            reply = {"error": text, "errno": number}
        except Exception as error:
            traceback.print_exc()
            reply = {"error": f"{type(error).__name__}: {error}", "errno": errno.EIO}
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
            # Staying inside would keep a namespace alive that is to be deleted.
            enter(self.home)
        wire.send(self.link, {**reply, "id": request["id"]}, [item.fileno() for item in made])
        for item in made:
            item.close()

    def serve(self) -> None:
        """Until the server closes its end, or ends."""
        ended, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        incoming = wire.Incoming()
        poll = select.poll()
        poll.register(self.link, select.POLLIN)
        poll.register(ended, select.POLLIN)
        while True:
            ready = {descriptor for descriptor, _event in poll.poll()}
            if ended in ready:
                os.read(ended, 4096)
                self.reap()
            if self.link.fileno() in ready:
                if not incoming.read(self.link):
                    return
                for request, descriptors in incoming.messages():
                    self.handle(request, descriptors)


def main() -> None:
    os.chdir("/")
    os.umask(0o022)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MOST_DESCRIPTORS)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    link = socket.socket(fileno=int(sys.argv[1]))
    link.set_inheritable(False)
    try:
        worker = Worker(link)
    except (OSError, nft.NftError) as error:
        wire.send(link, {"refused": reason(error)[1]})
        return
    wire.send(link, {"ready": True, "could_not": worker.could_not})
    try:
        worker.serve()
    except BrokenPipeError:
        pass  # the server is gone


if __name__ == "__main__":
    main()
