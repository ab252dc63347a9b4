# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The traps of running a module's code inside the controller: each as a case, by both paths where it has two.

Most cases are tasks of one playbook with the module ``podreach_test.probe.probe`` (in ``collections/`` here), which is
made like the modules of podreach.gke and shows what it was given.
"""

from __future__ import annotations

import collections
import functools
import http.server
import json
import pathlib
import re
import sys
import threading
import typing as t

import pytest
import requests

from ansible_collections.podreach.gke.tests.integration.api import NETWORK, Api, Json
from ansible_collections.podreach.gke.tests.integration.playbooks import (
    OTHER_SPELLING,
    PATHS,
    Playbooks,
    Record,
    Run,
    play,
    task,
)
from ansible_collections.podreach.gke.tests.integration.vaulted import PASSWORD, Vaulted
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

PROBE = "podreach_test.probe.probe"
SECRET = "hush-hush-4711"
LEARNED = "denrael-yek"
CENSORED = "********"
#: core 2.16 and 2.19 say it differently
TIMED_OUT = re.compile(r"timed out after 1 second|failed to execute in the expected time frame \(1\)", re.IGNORECASE)


def probe(name: str, args: t.Mapping[str, t.Any] | None = None, **keywords: t.Any) -> Json:
    return task(name, PROBE, {"name": "probe", **(args or {})}, **keywords)


def network(name: str, args: t.Mapping[str, t.Any] | None = None, **keywords: t.Any) -> Json:
    """A task that asks the lab once, and would create a network."""
    return task(name, "network", {"name": "n1", "environment": "lab", **(args or {})}, check_mode=True, **keywords)


# ---- one playbook of traps, by each path


def traps(lab: Lab) -> list[Json]:
    key = json.loads(lab.key_file().read_text(encoding="utf-8"))
    no_credentials = {"GCP_AUTH_KIND": "", "GCP_SERVICE_ACCOUNT_FILE": ""}
    variables = {
        "a_name": "tagged",
        "a_list": ["one", "two"],
        "a_dict": {"one": "uno", "many": [{"k": 1, "l": ["{{ a_name }}", True, None, 1.5]}]},
        "vaulted_name": Vaulted("from-the-vault"),
        "vaulted_secret": Vaulted(SECRET),
        "vaulted_token": Vaulted(lab.token()),
        "a_key": key,
    }
    probes = [
        probe(
            "types",
            {
                "text": "{{ a_name }}",
                "strings": "{{ a_list }}",
                "inner": "{{ a_dict }}",
                "free": "{{ {'x': a_dict, 'y': [a_list, 2]} }}",
            },
        ),
        probe("types of a loop", {"text": "{{ item }}", "strings": "{{ a_list | map('upper') }}"}, loop=["x"]),
        probe(
            "vault",
            {"text": "{{ vaulted_name }}", "secret": "{{ vaulted_secret }}", "free": {"in": ["{{ vaulted_name }}"]}},
        ),
        probe("vault directly", {"text": Vaulted("from-the-vault"), "secret": Vaulted(SECRET)}),
        network(
            "vaulted token",
            {"name": "{{ vaulted_name }}", "auth_kind": "accesstoken", "access_token": "{{ vaulted_token }}"},
        ),
        probe(
            "omit",
            {
                "text": "{{ omit }}",
                "number": 5,
                "inner": {"one": "{{ omit }}", "many": [{"keep": 1, "drop": "{{ omit }}"}]},
                "free": {"list": ["a", "{{ omit }}"], "deep": {"x": {"y": "{{ omit }}", "z": 1}}},
            },
        ),
        probe(
            "environment",
            {"variables": ["PROBE_A", "PROBE_B", "PROBE_C", "HOME", "PROBE_PLAY"]},
            environment={"PROBE_A": "{{ a_name }}", "PROBE_B": 5, "PROBE_C": "", "HOME": "/nowhere"},
        ),
        probe("environment of the next", {"variables": ["PROBE_A", "PROBE_B", "PROBE_C", "PROBE_PLAY"]}),
        probe("fallback", environment={"PROBE_FALLBACK": "from the environment"}),
        probe("fallback to nothing", environment={"PROBE_FALLBACK": ""}),
        probe("empty is unset", {"kind": ""}),
        probe("defaults", module_defaults={PROBE: {"text": "by default", "secret": SECRET}}),
        network(
            "group defaults",
            module_defaults={
                "group/podreach.gke.google": {
                    "project": "podreach-peer",
                    "auth_kind": "accesstoken",
                    "access_token": lab.token(),
                }
            },
            environment=no_credentials,
        ),
        probe("deprecated", {"old": "x", "former": "y"}),
        probe("warned", {"learn": LEARNED[::-1]}),
        probe("checked", check_mode=True, diff=True),
        probe("not checked", check_mode=False, diff=False),
        task("missing", PROBE, {}),
        probe("unknown", {"txet": "x", "number": 1}),
        probe("unknown inside", {"inner": {"uno": "x"}}),
        probe("wrong type", {"number": "many"}),
        probe("wrong type inside", {"inner": {"many": "x"}}),
        probe("wrong choice", {"kind": "green"}),
        probe("exclusive", {"text": "a", "number": 1}),
        probe("secret choice", {"secret_kind": SECRET}),
        probe("secret in keys", {"secret": SECRET, "text": f"before {SECRET} after", "free": {SECRET: [SECRET]}}),
        probe("secret in a refusal", {"secret": SECRET, "fail": "refused"}),
        probe("secret in an exception", {"secret": SECRET, "fail": "unexpected"}),
        probe("secret in a wrong number", {"secret": SECRET, "number": SECRET}),
        network(
            "key as a dict",
            {"auth_kind": "serviceaccount", "service_account_contents": "{{ a_key }}"},
            environment=no_credentials,
        ),
        network(
            "key as text",
            {"auth_kind": "serviceaccount", "service_account_contents": "{{ a_key | to_json }}"},
            environment=no_credentials,
        ),
        network(
            "key is none",
            {"auth_kind": "serviceaccount", "service_account_contents": {"private_key": SECRET}},
            environment=no_credentials,
        ),
        network("token is none", {"auth_kind": "accesstoken", "access_token": SECRET}),
        task("module's choice", "network", {"name": "n1", "environment": "moon", "access_token": SECRET}),
        task("module's unknown", "network", {"name": "n1", "subnetwork": "x", "access_token": SECRET}),
    ]
    return [play(probes, vars=variables, environment={"PROBE_PLAY": "play"})]


Runs = t.Callable[[str], Run]


@pytest.fixture(scope="module")
def trapped(lab_process: Lab, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """The playbook of traps, run by a path when it is first asked for, as loud as it can be."""

    @functools.cache
    def run(path: str) -> Run:
        lab_process.reset()
        directory = tmp_path_factory.mktemp("traps")
        (directory / "password").write_text(PASSWORD, encoding="utf-8")
        arguments = ["-vvvv", "--diff", f"--vault-password-file={directory / 'password'}"]
        env = {"ANSIBLE_DISPLAY_TRACEBACK": "always"}
        return Playbooks(lab_process, directory).run(*traps(lab_process), path=path, arguments=arguments, env=env)

    return run


by_both = pytest.mark.parametrize("path", PATHS)


@by_both
def test_where_it_runs(path: str, trapped: Runs) -> None:
    run = trapped(path)
    expected = {"module": "process", "in-process": "controller"}[path]
    assert run["types"].result["ran"] == expected
    assert bool(run.processes) == (path == "module")


@by_both
def test_arguments_are_plain_types(path: str, trapped: Runs) -> None:
    run = trapped(path)
    given = run["types"].result["types"]["of"]
    inner = {
        "is": "dict",
        "of": {
            "str one": "str",
            "str many": {
                "is": "list",
                "of": [
                    {
                        "is": "dict",
                        "of": {"str k": "int", "str l": {"is": "list", "of": ["str", "bool", "NoneType", "float"]}},
                    }
                ],
            },
        },
    }
    assert given["str text"] == "str"
    assert given["str strings"] == {"is": "list", "of": ["str", "str"]}
    assert given["str inner"] == inner
    assert given["str free"] == {
        "is": "dict",
        "of": {"str x": inner, "str y": {"is": "list", "of": [{"is": "list", "of": ["str", "str"]}, "int"]}},
    }
    looped = run["types of a loop"].result["results"][0]["types"]["of"]
    assert (looped["str text"], looped["str strings"]["of"]) == ("str", ["str", "str"])


@by_both
@pytest.mark.parametrize("name", ["vault", "vault directly"])
def test_vaulted_values(name: str, path: str, trapped: Runs) -> None:
    result = trapped(path)[name].result
    assert result["given"]["text"] == "from-the-vault"
    assert result["types"]["of"]["str text"] == "str"
    assert result["given"]["secret"] == "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"


@by_both
def test_vaulted_token_and_name(path: str, trapped: Runs) -> None:
    record = trapped(path)["vaulted token"]
    assert record.status == "ok", record.result
    assert record.result["resource"]["name"] == "from-the-vault"


@by_both
def test_omit_at_every_depth(path: str, trapped: Runs) -> None:
    given = trapped(path)["omit"].result["given"]
    assert "text" not in given
    assert given["inner"] == {"one": None, "many": [{"keep": 1}]}
    assert given["free"] == {"list": ["a"], "deep": {"x": {"z": 1}}}


@by_both
def test_environment_lasts_for_the_task(path: str, trapped: Runs) -> None:
    run = trapped(path)
    first, second = run["environment"].result["environment"], run["environment of the next"].result["environment"]
    assert first == {"PROBE_A": "tagged", "PROBE_B": "5", "PROBE_C": "", "HOME": "/nowhere", "PROBE_PLAY": "play"}
    assert second == {"PROBE_A": None, "PROBE_B": None, "PROBE_C": None, "PROBE_PLAY": "play"}


@by_both
def test_fallbacks_to_the_environment(path: str, trapped: Runs) -> None:
    run = trapped(path)
    assert run["fallback"].result["given"]["from_environment"] == "from the environment"
    assert "from_environment" not in run["fallback to nothing"].result["given"]
    assert "kind" not in run["empty is unset"].result["given"]


@by_both
def test_module_defaults_by_name(path: str, trapped: Runs) -> None:
    result = trapped(path)["defaults"].result
    assert result["given"]["text"] == "by default"
    assert result["given"]["secret"] == "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"


@by_both
def test_module_defaults_by_group(path: str, trapped: Runs) -> None:
    record = trapped(path)["group defaults"]
    assert record.status == "ok", record.result
    assert "podreach-peer" in json.dumps(record.result["diff"])


@by_both
def test_deprecations_and_warnings_are_kept(path: str, trapped: Runs) -> None:
    run = trapped(path)
    heard = [item["msg"] for item in run["deprecated"].result["deprecations"]]
    assert len(heard) == 2
    assert any("'old'" in text for text in heard) and any("'former'" in text for text in heard)
    assert {item["collection_name"] for item in run["deprecated"].result["deprecations"]} == {"podreach_test.probe"}
    assert run["warned"].result["warnings"] == [f"something to hear, and {CENSORED}"]


@by_both
def test_check_mode_and_diff_of_the_task(path: str, trapped: Runs) -> None:
    run = trapped(path)
    assert [run["checked"].result[name] for name in ("check_mode", "diff_mode")] == [True, True]
    assert [run["not checked"].result[name] for name in ("check_mode", "diff_mode")] == [False, False]


COMPLAINTS = {
    "missing": "missing required arguments: name",
    "unknown": "Unsupported parameters for (podreach_test.probe.probe) module: txet. Supported parameters include: f",
    "unknown inside": "Unsupported parameters for (podreach_test.probe.probe) module: inner.uno. Supported",
    "wrong type": "argument 'number' is of type",
    "wrong type inside": "'many'",
    "wrong choice": "value of kind must be one of: plain, fancy, got: green",
    "exclusive": "parameters are mutually exclusive: text|number",
    "module's choice": "value of environment must be one of: lab, cloud, got: moon",
    "module's unknown": "Unsupported parameters for (podreach.gke.network) module: subnetwork. Supported",
}


@by_both
@pytest.mark.parametrize("name", COMPLAINTS)
def test_validation_messages(name: str, path: str, trapped: Runs) -> None:
    record = trapped(path)[name]
    assert record.failed
    assert COMPLAINTS[name] in record.result["msg"]


@by_both
def test_results_are_json(path: str, trapped: Runs) -> None:
    assert trapped(path)["types"].result["odd"] == {"tuple": [1, 2], "set": [1], "date": "2026-01-02"}


# ---- secrets

SECRETS = {
    # core 2.16 does not show the value
    "secret in a wrong number": "unable to convert to int: ",
    "secret choice": f"value of secret_kind must be one of: correct-horse, got: {CENSORED}",
    "secret in a refusal": f"probe: refused, with {CENSORED} in it",
    "secret in an exception": f"Unexpected RuntimeError: probe: unexpected, with {CENSORED} in it. This is a bug in "
    "podreach.gke; please report it.",
}


@by_both
@pytest.mark.parametrize("name", SECRETS)
def test_secrets_in_messages(name: str, path: str, trapped: Runs) -> None:
    record = trapped(path)[name]
    assert record.failed
    assert SECRETS[name] in record.result["msg"]
    assert SECRET not in json.dumps(record.result)


@by_both
def test_secrets_in_values_and_keys(path: str, trapped: Runs) -> None:
    result = trapped(path)["secret in keys"].result
    assert result["given"]["text"] == f"before {CENSORED} after"
    assert len(result["keys"]) == 2
    assert SECRET not in json.dumps(result)
    assert trapped(path)["warned"].result["learned"] == "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"


@by_both
@pytest.mark.parametrize("name", ["key as a dict", "key as text"])
def test_key_hides_no_names(name: str, path: str, trapped: Runs, lab_process: Lab) -> None:
    """The parts of a key that are no secret, such as the project, are shown as they are."""
    record = trapped(path)[name]
    assert record.status == "ok", record.result
    assert "podreach-lab" in json.dumps(record.result)
    assert CENSORED not in json.dumps(record.result)


@by_both
def test_bad_credentials(path: str, trapped: Runs) -> None:
    run = trapped(path)
    assert run["key is none"].failed
    assert "service_account_contents: this is no service account key" in run["key is none"].result["msg"]
    assert run["token is none"].failed
    assert "401" in run["token is none"].result["msg"]


@by_both
def test_nothing_secret_at_any_verbosity(path: str, trapped: Runs, lab_process: Lab) -> None:
    """-vvvv shows no token, no key, no private key."""
    output = trapped(path).output
    private_key = json.loads(lab_process.key_file().read_text(encoding="utf-8"))["private_key"]
    lines = [line for line in private_key.splitlines() if len(line) > 40]
    assert len(lines) > 5
    assert not [secret for secret in (lab_process.token(), LEARNED, *lines) if secret in output]
    # the play's file is quoted in core's own messages about where a failed task stands; no result shows it
    shown = [line for line in output.splitlines() if SECRET in line and not line.lstrip()[:1].isdigit()]
    assert shown == []


@by_both
def test_no_result_has_an_invocation(path: str, trapped: Runs) -> None:
    for record in trapped(path).records:
        assert "invocation" not in record.result


def test_both_paths_give_the_same(trapped: Runs) -> None:
    def comparable(record: Record) -> t.Any:
        result = {key: value for key, value in record.result.items() if key not in ("ran", "exception", "results")}
        return record.task, record.status, result

    one, other = (list(map(comparable, trapped(path).records)) for path in PATHS)
    for first, second in zip(one, other, strict=True):
        assert first == second


# ---- when it must be a process

HOSTS_BY_WHAT: dict[str, tuple[Json, Json, str]] = {
    "plain": ({}, {}, "controller"),
    "this_interpreter": ({"ansible_python_interpreter": sys.executable}, {}, "controller"),
    "this_interpreter_by_template": ({"ansible_python_interpreter": "{{ ansible_playbook_python }}"}, {}, "controller"),
    "auto": ({"ansible_python_interpreter": "auto_silent"}, {}, "controller"),
    "another_spelling": ({"ansible_python_interpreter": OTHER_SPELLING}, {}, "process"),
    "not_local": (
        {"ansible_python_interpreter": sys.executable, "ansible_connection": "podreach_test.probe.fake_remote"},
        {},
        "process",
    ),
    "become": (
        {"ansible_python_interpreter": sys.executable},
        {"become": True, "become_method": "podreach_test.probe.itself"},
        "process",
    ),
    "become_by_variable": (
        {
            "ansible_python_interpreter": sys.executable,
            "ansible_become": True,
            "ansible_become_method": "podreach_test.probe.itself",
        },
        {},
        "process",
    ),
    "async": ({"ansible_python_interpreter": sys.executable}, {"async": 30, "poll": 1}, "process"),
    "delegated_to_this": (
        {"ansible_connection": "podreach_test.probe.fake_remote"},
        {"delegate_to": "plain"},
        "controller",
    ),
    "delegated_to_another_spelling": ({}, {"delegate_to": "another_spelling"}, "process"),
    "delegated_to_a_remote": ({"ansible_python_interpreter": sys.executable}, {"delegate_to": "not_local"}, "process"),
    "delegated_to_localhost": (
        {"ansible_connection": "podreach_test.probe.fake_remote"},
        {"delegate_to": "localhost"},
        "controller",
    ),
    "delegated_to_localhost_from_another": (
        {"ansible_python_interpreter": OTHER_SPELLING},
        {"delegate_to": "localhost"},
        "controller",
    ),
    "local_connection_of_the_task": (
        {"ansible_python_interpreter": sys.executable},
        {"connection": "ansible.builtin.local"},
        "controller",
    ),
}


@pytest.fixture(scope="module")
def routed(lab_process: Lab, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Record]:
    """What each of those hosts gave, all of them in one run with strategy free."""
    hosts = {name: variables for name, (variables, _keywords, _where) in HOSTS_BY_WHAT.items()}
    plays = [
        play(
            [probe(name, {"variables": ["PROBE_A"]}, environment={"PROBE_A": "applied"}, **keywords)],
            hosts=name,
            strategy="free",
        )
        for name, (_variables, keywords, _where) in HOSTS_BY_WHAT.items()
    ]
    run = Playbooks(lab_process, tmp_path_factory.mktemp("routed")).run(*plays, hosts=hosts, arguments=["-f", "4"])
    return {record.task: record for record in run.records}


@pytest.mark.parametrize("what", HOSTS_BY_WHAT)
def test_where_a_task_runs(what: str, routed: dict[str, Record]) -> None:
    record = routed[what]
    assert record.status == "ok", record.result["msg"]
    assert record.result["ran"] == HOSTS_BY_WHAT[what][2]
    assert record.result["environment"] == {"PROBE_A": "applied"}


@pytest.mark.parametrize("interpreter, where", [(sys.executable, "controller"), (OTHER_SPELLING, "process")])
@pytest.mark.parametrize("how", ["environment", "ini"])
def test_interpreter_by_configuration(how: str, interpreter: str, where: str, playbooks: Playbooks) -> None:
    keywords: Json = {"config": f"interpreter_python = {interpreter}"}
    if how == "environment":
        keywords = {"env": {"ANSIBLE_PYTHON_INTERPRETER": interpreter}}
    assert playbooks.run(play([probe("a")]), **keywords)["a"].result["ran"] == where


def test_implicit_localhost(playbooks: Playbooks) -> None:
    run = playbooks.run(play([probe("a")], hosts="localhost"), inventory="/dev/null")
    assert run["a"].result["ran"] == "controller"


def test_async_without_polling(playbooks: Playbooks) -> None:
    tasks = [
        {**network("begin", {"state": "present"}), "async": 30, "poll": 0, "register": "begun", "check_mode": False},
        {
            "name": "wait",
            "ansible.builtin.async_status": {"jid": "{{ begun.ansible_job_id }}"},
            "register": "job",
            "until": "job is finished",
            "retries": 50,
            "delay": 0.2,
        },
    ]
    run = playbooks.run(play(tasks), hosts={"here": {"ansible_python_interpreter": sys.executable}})
    assert run["begin"].result["started"]
    assert run["wait"].result["changed"]
    assert Api(playbooks.lab).get(f"/compute/v1/{NETWORK}/n1")


# ---- trouble


def test_the_task_s_timeout_fires(playbooks: Playbooks) -> None:
    """Also while the engine waits for an operation; the next task goes on."""
    playbooks.lab.admin("POST", "latency", {"profile": "realistic"})
    try:
        run = playbooks.run(
            play(
                [
                    probe("slow", {"sleep": 30}, timeout=1),
                    {**network("waits"), "check_mode": False, "timeout": 1},
                    probe("next"),
                ]
            )
        )
    finally:
        playbooks.lab.admin("POST", "latency", {"profile": "zero"})
    for name in ("slow", "waits"):
        assert run[name].failed
        assert re.search(TIMED_OUT, run[name].result["msg"])
    assert run["next"].status == "ok"


@by_both
def test_a_missing_library_fails_its_task_only(path: str, playbooks: Playbooks, tmp_path: pathlib.Path) -> None:
    stub = tmp_path / "stub" / "google"
    stub.mkdir(parents=True)
    (stub / "__init__.py").write_text("raise ImportError('no google here')\n", encoding="utf-8")
    run = playbooks.run(play([network("missing"), probe("next")]), path=path, env={"PYTHONPATH": str(stub.parent)})
    assert run["missing"].failed
    assert run["missing"].result["error"]["code"] == "missing-library"
    assert "google-auth" in run["missing"].result["msg"]
    assert run["next"].status == "ok"
    assert playbooks.lab.requests() == []


@pytest.fixture
def token_endpoint(lab: Lab) -> t.Iterator[TokenEndpoint]:
    """A token endpoint that counts, and asks the lab's."""
    server = TokenEndpoint(lab)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


class TokenEndpoint(http.server.ThreadingHTTPServer):
    def __init__(self, lab: Lab) -> None:
        super().__init__(("127.0.0.1", 0), TokenRequest)
        self.target = f"{lab.url}/token"
        self.asked = 0


class TokenRequest(http.server.BaseHTTPRequestHandler):
    server: TokenEndpoint

    def do_POST(self) -> None:
        self.server.asked += 1
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {"content-type": self.headers["content-type"]}
        session = requests.Session()
        session.trust_env = False
        answer = session.post(self.server.target, body, headers=headers, timeout=20)
        self.send_response(answer.status_code)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    def log_message(self, format: str, *args: t.Any) -> None:
        """Nobody reads it."""


def test_many_hosts_fetch_one_token(
    playbooks: Playbooks, token_endpoint: TokenEndpoint, tmp_path: pathlib.Path
) -> None:
    """Twenty hosts, ten at a time, each in any order: one token for all of them."""
    key = json.loads(playbooks.lab.key_file().read_text(encoding="utf-8"))
    key["token_uri"] = f"http://127.0.0.1:{token_endpoint.server_port}/token"
    (tmp_path / "key.json").write_text(json.dumps(key), encoding="utf-8")
    hosts: dict[str, Json] = {f"host{number}": {} for number in range(20)}
    tasks = [network("first", {"name": "n-{{ inventory_hostname }}"}), network("second")]
    env = {"GCP_SERVICE_ACCOUNT_FILE": str(tmp_path / "key.json")}
    run = playbooks.run(play(tasks, strategy="free"), hosts=hosts, arguments=["-f", "10"], env=env)
    assert collections.Counter(record.status for record in run.records) == {"ok": 40}
    assert token_endpoint.asked == 1
    assert run.processes == []


def test_tokens_of_two_identities_are_not_mixed(playbooks: Playbooks) -> None:
    """A token is shared by those with the same credentials only."""
    peer = str(playbooks.lab.key_file("peer"))
    run = playbooks.run(
        play(
            [
                network("ours"),
                network("theirs", {"service_account_file": peer}),
                network("theirs, there", {"service_account_file": peer, "project": "podreach-peer"}),
                network("ours again"),
            ]
        )
    )
    assert [record.status for record in run.records] == ["ok", "failed", "ok", "ok"]
    assert "403" in run["theirs"].result["msg"]
    callers = {item["caller"].split("@")[0] for item in playbooks.lab.requests() if item["caller"]}
    assert len(callers) == 2


def test_what_is_shared_is_private(playbooks: Playbooks) -> None:
    """The shared token lies in Ansible's directory of the run, readable by its owner only, and goes with it."""
    look = "{{ lookup('ansible.builtin.pipe', 'find $HOME/.ansible/tmp -name podreach-token-* -printf \"%m \"') }}"
    run = playbooks.run(play([network("a"), {"name": "look", "ansible.builtin.debug": {"msg": look}}]))
    assert run["look"].result["msg"].strip() == "600"
    assert not list(playbooks.directory.glob("run-1/home/.ansible/tmp/*"))
