# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The in-process path: a module's code, run inside the controller instead of in a process of its own.

A module's process costs a third of a second before its first request, an action plugin a fiftieth. So whenever the
connection is local and nothing asks otherwise, the action plugin runs the module's own code here; else it hands over to
the module. Both give the same result.
"""

from __future__ import annotations

import contextlib
import os
import sys
import typing as t
from collections.abc import Mapping, Set

from ansible import constants as C
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import remove_values, sanitize_keys
from ansible.module_utils.errors import UnsupportedError
from ansible.plugins.action import ActionBase

from ..module_utils.arguments import Call, Definition, failure, unexpected
from ..module_utils.errors import PodreachError


def plain(value: t.Any, omit: t.Any = None) -> t.Any:
    """A value as plain Python types, without what is to be omitted.

    Core 2.19 and later hand over tagged strings and lazy containers, older ones vaulted strings of their own class.
    What leaves here holds exactly dict, list, str, int, float, bool and None.
    """
    # the exact types first: a question to an abstract class costs ten times as much, and most values are these
    if value is None or value.__class__ in (str, bool, int, float):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, (dict, Mapping)):
        return {plain(k): plain(v, omit) for k, v in value.items() if not (omit is not None and v == omit)}
    if isinstance(value, (list, tuple, Set)):
        return [plain(item, omit) for item in value if not (omit is not None and item == omit)]
    if isinstance(value, int):
        # a bool cannot be derived from, so this is none
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "surrogateescape")
    return str(value)


class InProcessAction(ActionBase):
    """Base of the action plugins; a subclass names its module's :class:`Definition`."""

    definition: t.ClassVar[Definition]
    _validator: t.ClassVar[ArgumentSpecValidator]

    def __init_subclass__(cls, **kwargs: t.Any) -> None:
        # here, so that it is done once in the controller and every task's fork finds it
        super().__init_subclass__(**kwargs)
        cls._validator = ArgumentSpecValidator(cls.definition.spec.options, **cls.definition.spec.rules())
        for _round in range(10):
            cls._validator.validate({})
        with contextlib.suppress(Exception):  # it only saves time
            cls.definition.rehearse()

    _supports_async = True
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        task_vars = task_vars or {}
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        args = self.definition.spec.tidy(plain(self._task.args, task_vars.get("omit")))
        try:
            # a module's process cannot tell for sure: it takes no_target_syslog for no_log
            self.definition.refuse_to_show(args, no_log=bool(self._task.no_log))
        except PodreachError as error:
            return {**result, **failure(error)}
        if self.must_be_a_process(task_vars):
            result.update(self._as_module(args, task_vars))
        else:
            environment: dict[str, t.Any] = {}
            self._compute_environment_string(environment)
            with applied(plain(environment)):
                result.update(self._in_process(args, task_vars))
        # core shows the arguments itself where it may; two paths, one result
        result.pop("invocation", None)
        return result

    def must_be_a_process(self, task_vars: dict[str, t.Any]) -> str | None:
        """Why this task has to run as a module: an elevated, remote or asynchronous one, or another interpreter.

        ``None`` where it can run here.
        """
        if sys.platform == "darwin":
            return "system libraries for proxies are not safe in a forked process"
        if getattr(self._connection, "transport", None) != "local":
            return "the connection is not local"
        if self._play_context.become or getattr(self._connection, "become", None):
            return "become"
        if self._task.async_val:
            return "async"
        interpreter = self._interpreter(task_vars)
        if interpreter and not interpreter.startswith("auto") and interpreter != sys.executable:
            return f"the interpreter is {interpreter}"
        return None

    def _interpreter(self, task_vars: dict[str, t.Any]) -> str:
        """The Python interpreter that was asked for, by variable, environment or configuration."""
        variables: t.Any = task_vars
        if self._task.delegate_to:
            variables = (task_vars.get("ansible_delegated_vars") or {}).get(self._task.delegate_to) or {}
        value = variables.get("ansible_python_interpreter")
        if value is None:
            value = C.config.get_config_value("INTERPRETER_PYTHON", variables={})
        if str(value).strip("{ }") == "ansible_playbook_python":
            # what every host of a topology says: a template costs as much as all the rest of this decision
            return sys.executable
        return str(plain(self._templar.template(value)) or "")

    def _as_module(self, args: dict[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        if getattr(self._connection, "transport", None) == "local" and "PODREACH_LAB_DIR" not in os.environ:
            # a process of its own has another working directory; it shall find the same lab
            self._task.environment = [{"PODREACH_LAB_DIR": os.path.abspath(".lab")}, *(self._task.environment or [])]
        wrap_async = self._task.async_val and not self._connection.has_native_async
        result: dict[str, t.Any] = self._execute_module(module_args=args, task_vars=task_vars, wrap_async=wrap_async)
        if not wrap_async:
            self._remove_tmp_path(self._connection._shell.tmpdir)
        return result

    def _in_process(self, args: dict[str, t.Any], task_vars: dict[str, t.Any]) -> dict[str, t.Any]:
        definition = self.definition
        validation = self._validator.validate(args)
        warnings: list[str] = [warning["warning"] for warning in validation._warnings]
        secrets = set(validation._no_log_values)
        host = task_vars.get("inventory_hostname", "")
        call = Call(
            params=validation.validated_parameters,
            check_mode=self._task.check_mode,
            diff=self._task.diff,
            warn=warnings.append,
            progress=lambda line: self._display.display(f"[{host}] {line}"),
            run_dir=C.DEFAULT_LOCAL_TMP,
            no_log=bool(self._task.no_log),
        )
        try:
            if validation.errors.errors:
                result: dict[str, t.Any] = {"failed": True, "msg": self._complaint(validation)}
            else:
                result = definition.execute(call)
        except PodreachError as error:
            result = failure(error)
        except Exception as error:
            result = unexpected(error)
        secrets |= call.secrets
        if warnings:
            result["warnings"] = remove_values(warnings, secrets)
        if not result.get("failed"):
            secrets -= call.revealed
        if validation._deprecations:
            # as AnsibleModule does it: a version or a date, not both
            result["deprecations"] = [
                {key: value for key, value in item.items() if value is not None} for item in validation._deprecations
            ]
        return t.cast("dict[str, t.Any]", plain(sanitize_keys(remove_values(result, secrets), secrets)))

    def _complaint(self, validation: t.Any) -> str:
        """What is wrong with the arguments, in the words of a module."""
        message: str = validation.errors.msg
        if isinstance(validation.errors.errors[0], UnsupportedError):
            name = getattr(self._task, "resolved_action", None) or self._task.action
            message = f"Unsupported parameters for ({name}) module: {message}"
        return message


@contextlib.contextmanager
def applied(environment: dict[str, t.Any]) -> t.Iterator[None]:
    """The task's ``environment``, for as long as the call lasts."""
    if not environment:
        yield
        return
    before = dict(os.environ)
    os.environ.update({str(name): str(value) for name, value in environment.items()})
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
