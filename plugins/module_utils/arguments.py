# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module is made of, apart from who runs it: its argument spec, its code, and the call it answers.

A module file declares one :class:`Definition`. Two edges run it, with the same result: :func:`run_as_module` here, in
a process of its own, and the action plugin in ``plugin_utils/in_process.py``, inside the controller.
"""

from __future__ import annotations

import json
import os
import traceback
import typing as t
from dataclasses import dataclass, field, replace

from ansible.module_utils.basic import AnsibleFallbackNotFound, AnsibleModule
from ansible.module_utils.common.parameters import remove_values, sanitize_keys
from ansible.module_utils.parsing.convert_bool import boolean

from .errors import InvalidInput, PodreachError


def env_unless_empty(*names: str) -> t.Any:
    """Fallback for an option: the first of these environment variables that is set to something.

    Unlike Ansible's own ``env_fallback``, an empty variable counts as unset: AWX injects ``GCP_PROJECT=''``.
    """
    for name in names:
        if os.environ.get(name):
            return os.environ[name]
    raise AnsibleFallbackNotFound


@dataclass(frozen=True)
class ArgumentSpec:
    """An argument spec with its rules, as one value that can be merged.

    The fields are those of :class:`ansible.module_utils.basic.AnsibleModule`. ``empty_is_unset`` names the options for
    which an empty string means that nothing was given.
    """

    options: dict[str, t.Any] = field(default_factory=dict)
    required_if: tuple[t.Any, ...] = ()
    required_one_of: tuple[t.Any, ...] = ()
    required_together: tuple[t.Any, ...] = ()
    mutually_exclusive: tuple[t.Any, ...] = ()
    empty_is_unset: frozenset[str] = frozenset()

    def merge(self, other: ArgumentSpec) -> ArgumentSpec:
        return ArgumentSpec(
            options={**self.options, **other.options},
            required_if=self.required_if + other.required_if,
            required_one_of=self.required_one_of + other.required_one_of,
            required_together=self.required_together + other.required_together,
            mutually_exclusive=self.mutually_exclusive + other.mutually_exclusive,
            empty_is_unset=self.empty_is_unset | other.empty_is_unset,
        )

    def without(self, *names: str) -> ArgumentSpec:
        """The same spec, not knowing these options (rules never name them)."""
        return replace(self, options={k: v for k, v in self.options.items() if k not in names})

    def rules(self) -> dict[str, t.Any]:
        """The rules, as ``ArgumentSpecValidator`` takes them."""
        return {
            "mutually_exclusive": list(self.mutually_exclusive),
            "required_together": list(self.required_together),
            "required_one_of": list(self.required_one_of),
            "required_if": list(self.required_if),
        }

    def tidy(self, args: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
        """The arguments as the validator is to see them.

        Empty strings that mean that nothing was given are left out. A JSON option that is secret becomes one string: as
        a structure, each of its parts (a project's name, say) would be censored in every result.
        """
        tidied = {}
        for name, value in args.items():
            if name in self.empty_is_unset and value == "":
                continue
            spec = self.options.get(name, {})
            if spec.get("type") == "jsonarg" and isinstance(value, (dict, list)):
                value = json.dumps(value)
            elif spec.get("type") == "dict" and spec.get("options") and isinstance(value, dict):
                # the same for options inside of options, where an empty string is a value like any other
                value = ArgumentSpec(spec["options"]).tidy(value)
            tidied[name] = value
        return tidied


def _ignore(message: str) -> None:
    """Where nobody can see a line before the task ends, there is nothing to say."""


def _nothing() -> None:
    """No rehearsal."""


@dataclass
class Call:
    """One task's call of a module: what was asked, and the ways to speak while it runs.

    ``params`` are validated and typed. ``progress`` shows a line at once where that is possible. ``run_dir`` is
    Ansible's directory for this run, in which tasks may share short-lived things; ``None`` outside the controller.
    ``secrets`` takes what was learned while running and must not be shown (a key that was read, a token).
    ``no_log`` says that the task hides its result; only then may secrets that the caller asked for be put into
    ``revealed``, which a result (but no failure, warning or argument) may show.
    """

    params: dict[str, t.Any]
    check_mode: bool = False
    diff: bool = False
    warn: t.Callable[[str], None] = _ignore
    progress: t.Callable[[str], None] = _ignore
    run_dir: str | None = None
    secrets: set[str] = field(default_factory=set)
    no_log: bool = False
    revealed: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Definition:
    """A module: its name, its spec, and the function that answers a call with a result.

    ``rehearse`` is called before the controller forks for tasks: what it warms up, every task finds warm.
    ``reveals`` is the option that puts secrets into the result, which only a task that hides it may give.
    """

    name: str
    spec: ArgumentSpec
    execute: t.Callable[[Call], dict[str, t.Any]]
    supports_check_mode: bool = True
    rehearse: t.Callable[[], None] = _nothing
    reveals: str | None = None

    def refuse_to_show(self, args: t.Mapping[str, t.Any], *, no_log: bool) -> None:
        """Raise where a task asks for secrets and does not hide its result."""
        if self.reveals and not no_log and boolean(args.get(self.reveals) or False, strict=False):
            raise InvalidInput(
                f"{self.reveals}: true puts secrets into the result, and this task would show them: say no_log: true "
                "on the task too. The registered result has them all the same."
            )


def failure(error: PodreachError) -> dict[str, t.Any]:
    """A failed result for an error: a message for people, ``error`` for programs."""
    return {"failed": True, "changed": error.changed, "msg": str(error), "error": error.as_result()}


def unexpected(error: Exception) -> dict[str, t.Any]:
    """A failed result for what should not have happened, with where it did."""
    where = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    message = f"Unexpected {type(error).__name__}: {error}. This is a bug in podreach.gke; please report it."
    details = PodreachError(message, code="unexpected")
    return {**failure(details), "changed": getattr(error, "changed", False), "exception": where}


def run_as_module(definition: Definition) -> None:
    """Run a module in a process of its own."""
    module = AnsibleModule(
        argument_spec=definition.spec.options,
        supports_check_mode=definition.supports_check_mode,
        **definition.spec.rules(),
    )
    warnings: list[str] = []
    call = Call(
        params=module.params,
        check_mode=module.check_mode,
        diff=module._diff,
        warn=warnings.append,
        no_log=bool(module.no_log),
    )
    try:
        definition.refuse_to_show(module.params, no_log=call.no_log)
        result = definition.execute(call)
    except PodreachError as error:
        result = failure(error)
    except Exception as error:
        result = unexpected(error)
    module.no_log_values.update(call.secrets)
    for warning in warnings:
        # censored here: core does not, from 2.19 on
        module.warn(remove_values(warning, module.no_log_values))
    if call.revealed and not result.get("failed"):
        # what core would add by itself, and would no longer censor
        result["invocation"] = {"module_args": remove_values(module.params, module.no_log_values)}
        module.no_log_values -= call.revealed
    result = sanitize_keys(result, module.no_log_values)
    if result.pop("failed", False):
        module.fail_json(**result)
    module.exit_json(**result)
