# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The `lab` command and its process."""

from __future__ import annotations

import http.client
import json
import os
import pathlib
import signal
import stat
import subprocess
import sys
import time
import typing as t

import pytest

from ansible_collections.podreach.gke.tests.lab.podreach_lab import cli, files
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab, read_env, run_command

COMMAND = pathlib.Path(__file__).parents[2] / "lab" / "lab"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Lab]:
    lab = Lab.start(tmp_path_factory.mktemp("command") / ".lab")
    yield lab
    lab.stop()
    assert not lab.directory.exists()


def test_up_is_idempotent_and_quick(running: Lab) -> None:
    began = time.monotonic()
    said = run_command(running.directory, "up")
    assert time.monotonic() - began < 3
    assert f"runs already: {running.url}" in said


def test_everything_it_writes_is_the_owners_alone(running: Lab) -> None:
    found = [running.directory, *running.directory.rglob("*")]
    assert {path.name for path in found} >= {"env", "access-token", "lab.json", "operator.json", "lab.log"}
    for path in found:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_the_environment_for_every_client(running: Lab) -> None:
    env = read_env(running.directory / "env")
    assert env["GOOGLE_COMPUTE_CUSTOM_ENDPOINT"] == f"{running.url}/compute/v1/"
    assert env["GOOGLE_CONTAINER_CUSTOM_ENDPOINT"] == f"{running.url}/v1/"
    assert env["CLOUDSDK_API_ENDPOINT_OVERRIDES_CONTAINER"] == f"{running.url}/"
    assert env["GCP_PROJECT"] == "podreach-lab"
    for name in ("KUBECONFIG", "CLOUDSDK_CONFIG", "GCP_SERVICE_ACCOUNT_FILE", "PODREACH_LAB_DIR"):
        assert pathlib.Path(env[name]).is_absolute()
    for line in (running.directory / "env").read_text().splitlines():
        assert line.startswith("export ")
    shell = subprocess.run(
        ["sh", "-c", f". '{running.directory}/env' && printf %s \"$GCP_AUTH_KIND\""],
        capture_output=True,
        text=True,
        check=True,
    )
    assert shell.stdout == "serviceaccount"


def test_status_log_and_reset(running: Lab) -> None:
    running.reset()
    connection = http.client.HTTPConnection("127.0.0.1", running.port)
    headers = {"Authorization": f"Bearer {running.token()}"}
    connection.request("POST", "/compute/v1/projects/podreach-lab/global/networks", '{"name": "n1"}', headers)
    assert connection.getresponse().status == 200
    connection.close()
    status = json.loads(run_command(running.directory, "status", "--json"))
    assert status["running"] is True
    assert status["resources"]["compute#network"] == 1
    assert "compute#network" in run_command(running.directory, "status")
    assert "POST   /compute/v1/projects/podreach-lab/global/networks" in run_command(running.directory, "log")
    assert len(running.mutating()) == 1
    run_command(running.directory, "reset")
    assert running.status()["resources"] == {}


def test_faults_that_are_armed(running: Lab) -> None:
    running.reset()
    with pytest.raises(RuntimeError, match="ended with 2"):
        run_command(running.directory, "fault")
    assert running.status()["armed"] == []
    with pytest.raises(RuntimeError, match=r"'\(' is none"):
        run_command(running.directory, "fault", "--path", "(")
    run_command(running.directory, "fault", "--path", "/networks$", "--count", "3")
    assert "request fault: the next 3 of any method '/networks$': 503" in run_command(running.directory, "status")
    with pytest.raises(RuntimeError, match=r"lab fault tunnel ... --end"):
        run_command(running.directory, "fault", "tunnel", "t0", "--clear")
    with pytest.raises(RuntimeError, match=r"lab fault node ... --end"):
        run_command(running.directory, "fault", "--clear", "node", "n0")
    assert len(running.status()["armed"]) == 1
    run_command(running.directory, "fault", "--clear")
    assert running.status()["armed"] == []


def test_a_reader_that_has_had_enough(running: Lab) -> None:
    command = f"'{COMMAND}' --dir '{running.directory}' log --json | head -n 1"
    env = os.environ | {"PODREACH_PYTHON": sys.executable}
    running.reset()
    connection = http.client.HTTPConnection("127.0.0.1", running.port)
    for _again in range(400):  # more than a pipe holds
        connection.request("GET", "/compute/v1/projects/podreach-lab/global/networks")
        connection.getresponse().read()
    connection.close()
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, env=env, check=True, timeout=60)
    assert (done.stdout, done.stderr) == ("{\n", "")


def test_options_of_presets(running: Lab) -> None:
    running.reset()
    with pytest.raises(RuntimeError, match="takes NAME=true or NAME=false, not 'peering=maybe'"):
        run_command(running.directory, "preset", "peered-project", "--option", "peering=maybe")
    made = run_command(running.directory, "preset", "peered-project", "--option", "peering=false")
    assert "instances/test-gce-01" in made
    assert not [item for item in running.mutating() if item["path"].endswith("/addPeering")]
    running.reset()


def test_only_loopback_names_are_answered(running: Lab) -> None:
    for host, status in (("evil.example:80", 403), (f"localhost:{running.port}", 200)):
        connection = http.client.HTTPConnection("127.0.0.1", running.port)
        connection.request("GET", "/_lab/status", headers={"Host": host})
        assert connection.getresponse().status == status
        connection.close()


def test_a_dropped_reply_closes_the_connection(running: Lab) -> None:
    running.reset()
    running.fault(path="networks", drop=True)
    connection = http.client.HTTPConnection("127.0.0.1", running.port)
    headers = {"Authorization": f"Bearer {running.token('lab')}"}
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        connection.request("GET", "/compute/v1/projects/podreach-lab/global/networks", headers=headers)
        connection.getresponse()


def test_tokens_and_metadata_over_http(running: Lab) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", running.port)
    connection.request("POST", "/token", "grant_type=x", {"Content-Type": "application/x-www-form-urlencoded"})
    answer = connection.getresponse()
    assert (answer.status, json.loads(answer.read())["error"]) == (400, "unsupported_grant_type")
    connection.request("GET", "/computeMetadata/v1/project/project-id", headers={"Metadata-Flavor": "Google"})
    answer = connection.getresponse()
    assert (answer.read(), answer.headers["Metadata-Flavor"]) == (b"podreach-lab", "Google")
    connection.request("GET", "/computeMetadata/v1/project/project-id")
    answer = connection.getresponse()
    assert answer.status == 403
    connection.close()


METADATA = """
from google.auth import compute_engine
from google.auth.transport.requests import Request
credentials = compute_engine.Credentials()
credentials.refresh(Request())
print(credentials.service_account_email, credentials.token)
"""
IMPERSONATION = """
import sys
from google.auth import impersonated_credentials
from google.auth.transport.requests import Request
from google.oauth2 import service_account
url, key, target = sys.argv[1:]
scopes = ["https://www.googleapis.com/auth/cloud-platform"]
source = service_account.Credentials.from_service_account_file(key, scopes=scopes)
endpoint = f"{url}/v1/projects/-/serviceAccounts/{target}:generateAccessToken"
credentials = impersonated_credentials.Credentials(source, target, scopes, iam_endpoint_override=endpoint)
credentials.refresh(Request())
print(target, credentials.token)
"""


def test_google_auth_gets_its_tokens(running: Lab) -> None:
    """From the metadata server, and by impersonation from a service-account key; each for its own project only."""
    peer = "peer@podreach-peer.iam.gserviceaccount.com"
    ways = [
        (METADATA, [], "podreach-lab"),
        (IMPERSONATION, [running.url, str(running.key_file()), peer], "podreach-peer"),
    ]
    env = {"PATH": os.environ["PATH"], "GCE_METADATA_HOST": f"127.0.0.1:{running.port}"}
    for script, arguments, project in ways:
        command = [sys.executable, "-c", script, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, env=env, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        email, token = done.stdout.split()
        assert email.endswith(f"@{project}.iam.gserviceaccount.com")
        for name in ("podreach-lab", "podreach-peer"):
            connection = http.client.HTTPConnection("127.0.0.1", running.port)
            path = f"/compute/v1/projects/{name}/global/networks"
            connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
            assert connection.getresponse().status == (200 if name == project else 403)
            connection.close()


def test_up_again_sets_the_latency(running: Lab) -> None:
    said = run_command(running.directory, "up", "--latency", "realistic", "--scale", "0.5")
    assert "Its latency was zero x 1.0 and is realistic x 0.5." in said
    assert "Its latency is realistic x 0.5 already." in run_command(running.directory, "up", "--scale", "0.5")
    assert running.status()["latency"] == {"profile": "realistic", "scale": 0.5}
    run_command(running.directory, "up")
    assert running.status()["latency"] == {"profile": "realistic", "scale": 0.5}
    run_command(running.directory, "up", "--latency", "zero", "--scale", "1")


def test_it_survives_a_kill_and_a_stale_file(tmp_path: pathlib.Path) -> None:
    lab = Lab.start(tmp_path / ".lab")
    record = files.read_record(lab.directory)
    assert record is not None
    os.kill(record["pid"], signal.SIGKILL)
    while cli.is_our_process(record["pid"]):
        time.sleep(0.01)
    with pytest.raises(RuntimeError, match="no lab runs"):
        run_command(lab.directory, "reset")
    again = Lab.start(tmp_path / ".lab")
    assert again.status()["pid"] != record["pid"]
    again.stop()
    assert not again.directory.exists()


def test_down_leaves_foreign_processes_and_files_alone(tmp_path: pathlib.Path) -> None:
    directory = tmp_path / ".lab"
    directory.mkdir()
    (directory / "mine.txt").write_text("keep")
    (directory / "lab.json").write_text(json.dumps({"pid": os.getpid(), "port": 1, "instance": "x"}))
    assert "is not a lab" in run_command(directory, "down")
    assert [path.name for path in directory.iterdir()] == ["mine.txt"]


def test_sigterm_ends_it_cleanly(tmp_path: pathlib.Path) -> None:
    lab = Lab.start(tmp_path / ".lab", "realistic", "--scale", "0.5")
    status = lab.status()
    assert status["latency"] == {"profile": "realistic", "scale": 0.5}
    os.kill(status["pid"], signal.SIGTERM)
    deadline = time.monotonic() + 5
    while cli.is_our_process(status["pid"]):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert (lab.directory / "lab.log").read_text() == ""
    lab.stop()


def test_a_taken_port_is_said(running: Lab, tmp_path: pathlib.Path) -> None:
    with pytest.raises(RuntimeError, match="address already in use"):
        run_command(tmp_path / "other", "up", "--port", str(running.port))


def test_missing_packages_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: pathlib.Path
) -> None:
    monkeypatch.setattr(cli, "NEEDS", {"surely_absent": "surely-absent"})
    assert cli.main(["--dir", str(tmp_path / ".lab"), "up"]) == 1
    said = capsys.readouterr().err
    assert "lacks the Python packages surely-absent" in said
    assert "-m pip install surely-absent" in said
    assert not (tmp_path / ".lab").exists()


def test_the_shell_command_finds_a_python(tmp_path: pathlib.Path) -> None:
    env = {"PATH": os.environ["PATH"], "PODREACH_PYTHON": sys.executable, "PODREACH_LAB_DIR": str(tmp_path / "x")}
    done = subprocess.run([str(COMMAND), "status", "--json"], capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 3, done.stderr
    assert json.loads(done.stdout) == {"running": False, "directory": str(tmp_path / "x")}
