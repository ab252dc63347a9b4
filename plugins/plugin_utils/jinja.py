# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the filters and Jinja tests of this collection have in common: how they fail, and how they read options."""

from __future__ import annotations

import functools
import typing as t

from ansible.errors import AnsibleFilterError
from ansible.module_utils.parsing.convert_bool import boolean
from jinja2 import Undefined

from ..module_utils.errors import PodreachError

Result = t.TypeVar("Result")


def plugin(function: t.Callable[..., Result]) -> t.Callable[..., Result]:
    """Make a function into a filter or test: what it finds wrong reaches the user as AnsibleFilterError.

    An undefined variable is reported as such. ansible-core does that by itself only from 2.19 on; before, it hands
    the undefined value over, and a message about a wrong range would hide what is the matter.
    """

    @functools.wraps(function)
    def call(*args: t.Any, **kwargs: t.Any) -> Result:
        for value in (*args, *kwargs.values()):
            if isinstance(value, Undefined):
                str(value)  # raises jinja2.UndefinedError, which ansible-core explains
        try:
            return function(*args, **kwargs)
        except PodreachError as exc:
            raise AnsibleFilterError(str(exc)) from exc

    return call


def whole_number(value: t.Any, option: str) -> int:
    """A whole number, also as text, which is how extra variables and surveys hand it over.

    Raises AnsibleFilterError for anything else.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit():
        return int(value.strip())
    raise AnsibleFilterError(f"{option}: {value!r} is not a whole number; write one such as 110")


def truth(value: t.Any, option: str) -> bool:
    """A boolean in any of Ansible's spellings. Raises AnsibleFilterError for anything else."""
    try:
        return bool(boolean(value))
    except TypeError as exc:
        raise AnsibleFilterError(f"{option}: {value!r} is not a boolean; write true or false") from exc
