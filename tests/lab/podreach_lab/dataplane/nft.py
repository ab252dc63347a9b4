# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""libnftables in this process: a ruleset text in, errors or a listing out. In the network namespace of the caller.

https://manpages.debian.org/libnftables(3)
"""

from __future__ import annotations

import ctypes
import re

LIBRARY = "libnftables.so.1"
COUNTER = re.compile(r'counter (\S+) \{\s*(?:comment "[^"]*"\s*)?packets (\d+) ')


class NftError(Exception):
    """What libnftables said."""


def complaint(said: str) -> str:
    """What libnftables said, on one line: of the source line it quotes only what it points at."""
    found: list[str] = []
    lines = said.splitlines()
    for position, line in enumerate(lines):
        if position and set(line) <= set(" ^~"):
            marked = lines[position - 1][line.find("^") : len(line)]
            found[-1:] = [f"`{marked}`"] if marked.strip() else []
        else:
            found.append(line.strip())
    return " ".join(found)[:1000] or "refused without a word"


class Nft:
    """The library. One context a call: a context keeps a socket of the namespace it was made in."""

    def __init__(self) -> None:
        library = ctypes.CDLL(LIBRARY)
        library.nft_ctx_new.restype = ctypes.c_void_p
        library.nft_ctx_new.argtypes = [ctypes.c_uint32]
        library.nft_ctx_free.argtypes = [ctypes.c_void_p]
        library.nft_run_cmd_from_buffer.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
        for name in ("nft_ctx_buffer_output", "nft_ctx_buffer_error"):
            getattr(library, name).argtypes = [ctypes.c_void_p]
        for name in ("nft_ctx_get_output_buffer", "nft_ctx_get_error_buffer"):
            getattr(library, name).argtypes = [ctypes.c_void_p]
            getattr(library, name).restype = ctypes.c_char_p
        self.library = library

    def run(self, text: str) -> str:
        """Run commands as one transaction; returns what they list."""
        library = self.library
        context = library.nft_ctx_new(0)
        if not context:
            raise NftError("no context: out of memory, or netlink is refused")
        try:
            library.nft_ctx_buffer_output(context)
            library.nft_ctx_buffer_error(context)
            failed = library.nft_run_cmd_from_buffer(context, text.encode())
            if failed:
                said = (library.nft_ctx_get_error_buffer(context) or b"").decode(errors="replace")
                raise NftError(complaint(said))
            return str((library.nft_ctx_get_output_buffer(context) or b"").decode(errors="replace"))
        finally:
            library.nft_ctx_free(context)

    def counters(self) -> dict[str, int]:
        """The named counters: packets of each; those of one name in several tables are added up."""
        found: dict[str, int] = {}
        for name, packets in COUNTER.findall(self.run("list counters")):
            found[name.strip('"')] = found.get(name.strip('"'), 0) + int(packets)
        return found
