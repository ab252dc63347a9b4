# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shell scripts that make calls, run for real in small trees of their own."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

TOOLS = pathlib.Path(__file__).resolve().parents[2] / "tools"


def run(command: list[str | pathlib.Path], **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a command with these environment variables besides our own."""
    return subprocess.run(
        list(map(str, command)), check=False, capture_output=True, text=True, env={**os.environ, **settings}
    )


def script(path: pathlib.Path, body: str) -> pathlib.Path:
    """An executable shell script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


def test_find_python_takes_the_one_given() -> None:
    found = run([TOOLS / "find-python", sys.executable])
    assert found.returncode == 0, found.stderr
    # of a virtual environment, what it was made from: `venv --clear` would cut off its own branch
    assert run([found.stdout.strip(), "-c", "import sys; print(sys.prefix == sys.base_prefix)"]).stdout == "True\n"


def test_find_python_passes_over_shims_and_old_ones(tmp_path: pathlib.Path) -> None:
    script(tmp_path / "python3", "exit 127")
    script(tmp_path / "python3.13", "exit 1")
    (tmp_path / "python3.12").symlink_to(sys.executable)
    found = run([TOOLS / "find-python"], PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert found.returncode == 0, found.stderr


def test_find_python_says_what_to_do_without_one(tmp_path: pathlib.Path) -> None:
    old = script(tmp_path / "old", "exit 1")
    found = run([TOOLS / "find-python", old])
    assert (found.returncode, found.stdout) == (1, "")
    assert f"No Python 3.11 or newer here (tried: {old})" in found.stderr
    assert "make PYTHON=" in found.stderr


@pytest.fixture
def repository(tmp_path: pathlib.Path) -> pathlib.Path:
    """A git repository that holds the tools."""
    root = tmp_path / "repository with a space"
    shutil.copytree(TOOLS, root / "tests/tools", ignore=shutil.ignore_patterns("__pycache__"))
    run(["git", "init", "-q", root])
    return root


def test_snapshot_holds_what_git_would_commit(repository: pathlib.Path, tmp_path: pathlib.Path) -> None:
    (repository / ".gitignore").write_text("/ignored\n", encoding="utf-8")
    for name in ("tracked", "deleted", "ignored", "new file"):
        (repository / name).write_text(name, encoding="utf-8")
    (repository / "link").symlink_to("nowhere")
    run(["git", "-C", repository, "add", "tracked", "deleted", "link"])
    (repository / "deleted").unlink()
    copy = tmp_path / "copy"
    (copy / "left-over").mkdir(parents=True)

    done = run([repository / "tests/tools/snapshot", copy])

    assert done.returncode == 0, done.stderr
    assert sorted(os.listdir(copy)) == [".gitignore", "link", "new file", "tests", "tracked"]
    assert (copy / "link").is_symlink()


def test_with_lab_sets_the_environment_and_stops_the_lab(repository: pathlib.Path, tmp_path: pathlib.Path) -> None:
    log = tmp_path / "log"
    script(
        repository / "tests/lab/lab",
        f'echo "$1" >>"{log}"; [ "$1" != up ] || echo "export SEEN=\'from the lab\'" >"$PODREACH_LAB_DIR/env"',
    )

    done = run([repository / "tests/tools/with-lab", "sh", "-c", 'echo "$SEEN" "$PODREACH_LAB_DIR"; exit 7'])

    assert done.returncode == 7, done.stderr
    assert done.stdout.startswith("from the lab /")
    assert not pathlib.Path(done.stdout.split("lab ", 1)[1].strip()).exists()
    assert log.read_text(encoding="utf-8") == "up\ndown\n"


def test_with_lab_fails_when_the_lab_does_not_start(repository: pathlib.Path) -> None:
    script(repository / "tests/lab/lab", '[ "$1" != up ]')
    done = run([repository / "tests/tools/with-lab", "echo", "never"])
    assert done.returncode != 0
    assert "never" not in done.stdout


@pytest.fixture
def debian(repository: pathlib.Path, tmp_path: pathlib.Path) -> dict[str, str]:
    """A machine where only git is installed, and apt-get and id are ours. The settings to run a script there."""
    (repository / "bindep.txt").write_text(
        "# comment\ngit [platform:dpkg]\nbird2 [platform:dpkg]  # why\nnftables [platform:dpkg]\n"
        "python3-venv [platform:dpkg venv]\nbird [platform:rpm]\n",
        encoding="utf-8",
    )
    bin_ = tmp_path / "bin"
    script(bin_ / "dpkg-query", 'for last; do :; done; [ "$last" = git ] && printf installed')
    script(bin_ / "apt-get", 'echo "apt-get $*"')
    script(bin_ / "id", "echo ${FAKE_UID:-0}")
    return {"PATH": f"{bin_}:{os.environ['PATH']}"}


def test_debian_packages_installs_only_what_is_missing(repository: pathlib.Path, debian: dict[str, str]) -> None:
    done = run([repository / "tests/tools/debian-packages"], **debian)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "Installing system packages: bird2 nftables",
        "apt-get update -qq",
        "apt-get install -y -qq --no-install-recommends bird2 nftables",
    ]


def test_debian_packages_of_a_profile(repository: pathlib.Path, debian: dict[str, str]) -> None:
    done = run([repository / "tests/tools/debian-packages", "venv"], **debian)
    assert done.stdout.splitlines()[0] == "Installing system packages: python3-venv"


def test_debian_packages_without_root_only_says_so(repository: pathlib.Path, debian: dict[str, str]) -> None:
    done = run([repository / "tests/tools/debian-packages"], **debian, FAKE_UID="1000")
    assert (done.returncode, done.stdout) == (0, "")
    assert "sudo apt-get install bird2 nftables" in done.stderr


def test_debian_packages_leaves_apt_alone_when_all_is_there(repository: pathlib.Path, debian: dict[str, str]) -> None:
    (repository / "bindep.txt").write_text("git [platform:dpkg]\n", encoding="utf-8")
    done = run([repository / "tests/tools/debian-packages"], **debian)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_gates_run_all_and_fail_if_one_fails(tmp_path: pathlib.Path) -> None:
    (tmp_path / "Makefile").write_text("good:\n\t@echo fine\nbad:\n\t@echo broken; exit 3\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(TOOLS / "gates.py"), "2", "bad", "good", "good"],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stdout.count("=== good: passed in ") == 2
    assert "=== bad: FAILED in " in done.stdout
    assert done.stdout.splitlines()[-1] == "2 passed, 1 failed"
