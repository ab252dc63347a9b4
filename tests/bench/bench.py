# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task that finds nothing to do costs, beside the least a task can cost and beside an ordinary module.

One playbook runs the compared tasks in turn, many times over, against the lab that the environment names (see
tests/tools/with-lab); the first rounds, in which the token is fetched and caches fill, do not count. Every figure is a
median, in milliseconds, from the task's start in the controller to its result. Exits with 1 if a limit is missed:
an unchanged in-process task costs at most LIMIT_EMPTY empty ones, and at most LIMIT_PING pings.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import importlib.metadata
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import typing as t

import yaml

HERE = pathlib.Path(__file__).resolve().parent
BIN = pathlib.Path(sys.executable).parent
#: This interpreter in another spelling: not the same string, so the modules get a process of their own.
OTHER_SPELLING = str(BIN / ".." / BIN.name / pathlib.Path(sys.executable).name)
LIMIT_EMPTY = 2.0
LIMIT_PING = 0.1
SECONDS = 600

REGION = "asia-northeast1"
NETWORK: dict[str, t.Any] = {"name": "bench", "routing_config": {"routing_mode": "GLOBAL"}}
SUBNETWORK: dict[str, t.Any] = {
    "name": "bench",
    "network": "bench",
    "region": REGION,
    "ip_cidr_range": "10.1.1.0/24",
    "secondary_ip_ranges": [
        {"range_name": "pods", "ip_cidr_range": "10.1.128.0/19"},
        {"range_name": "services", "ip_cidr_range": "10.1.160.0/22"},
    ],
}
CLUSTER: dict[str, t.Any] = {
    "name": "bench",
    "location": REGION,
    "network": "bench",
    "subnetwork": "bench",
    "ip_allocation_policy": {
        "use_ip_aliases": True,
        "cluster_secondary_range_name": "pods",
        "services_secondary_range_name": "services",
    },
}


@dataclasses.dataclass(frozen=True)
class Subject:
    """One of the compared tasks; ``group`` says what it is compared as."""

    name: str
    group: str
    action: str
    options: dict[str, t.Any]

    def task(self, number: int) -> dict[str, t.Any]:
        task: dict[str, t.Any] = {"name": f"{self.name} #{number}", self.action: self.options}
        if self.group == "module":
            task["vars"] = {"ansible_python_interpreter": OTHER_SPELLING}
        return task


ESTATE = (("network", NETWORK), ("subnetwork", SUBNETWORK), ("cluster", CLUSTER))
SUBJECTS = (
    Subject("empty action", "empty", "podreach_bench_empty", {}),
    *(Subject(f"{name}, in-process", "in-process", f"podreach.gke.{name}", options) for name, options in ESTATE),
    Subject("ansible.builtin.ping", "ping", "ansible.builtin.ping", {}),
    *(Subject(f"{name}, module", "module", f"podreach.gke.{name}", options) for name, options in ESTATE),
)


def playbook(rounds: int, warm_up: int) -> list[dict[str, t.Any]]:
    """Build the estate, then look at it again and again."""
    build = [{"name": f"build {name} #0", f"podreach.gke.{name}": options} for name, options in ESTATE]
    measure = [subject.task(number) for number in range(1, warm_up + rounds + 1) for subject in SUBJECTS]
    play = {"hosts": "all", "gather_facts": False, "tasks": [*build, *measure]}
    return [play]


def run(rounds: int, warm_up: int, directory: pathlib.Path) -> dict[str, list[float]]:
    """Seconds of every counted run of each subject."""
    (directory / "bench.yml").write_text(yaml.safe_dump(playbook(rounds, warm_up), sort_keys=False), encoding="utf-8")
    times = directory / "times.jsonl"
    environment = {
        **os.environ,
        "ANSIBLE_ACTION_PLUGINS": str(HERE / "action_plugins"),
        "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback_plugins"),
        "ANSIBLE_CALLBACKS_ENABLED": "podreach_bench_stopwatch",
        "ANSIBLE_NOCOLOR": "1",
        "PODREACH_BENCH_TIMES": str(times),
        "PODREACH_ENVIRONMENT": "lab",
    }
    # as the topology's hosts have them
    variables = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
    inventory = {"all": {"hosts": {"bench": variables}}}
    (directory / "hosts.yml").write_text(yaml.safe_dump(inventory), encoding="utf-8")
    command = [str(BIN / "ansible-playbook"), "-i", str(directory / "hosts.yml"), str(directory / "bench.yml")]
    done = subprocess.run(
        [sys.executable, *command], env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    if done.returncode:
        sys.exit(f"The benchmark's playbook ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    found: dict[str, list[float]] = {subject.name: [] for subject in SUBJECTS}
    for line in times.read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        name, _separator, number = record["task"].rpartition(" #")
        if name in found and int(number) > warm_up:
            if record["changed"]:
                sys.exit(f"{record['task']} changed something: it does not measure an unchanged task")
            found[name].append(record["seconds"])
    return found


def median_ms(seconds: t.Sequence[float]) -> float:
    return round(statistics.median(seconds) * 1000, 2)


def report(times: dict[str, list[float]]) -> dict[str, t.Any]:
    """All figures, and which limits are missed."""
    medians = {name: median_ms(seconds) for name, seconds in times.items()}
    empty, ping = medians["empty action"], medians["ansible.builtin.ping"]
    rows: list[dict[str, t.Any]] = []
    for subject in SUBJECTS:
        milliseconds = sorted(value * 1000 for value in times[subject.name])
        median = medians[subject.name]
        rows.append(
            {
                "name": subject.name,
                "group": subject.group,
                "runs": len(milliseconds),
                "median_ms": median,
                "fastest_ms": round(milliseconds[0], 2),
                "slowest_ms": round(milliseconds[-1], 2),
                "of_empty": round(median / empty, 2),
                "of_ping": round(median / ping, 3),
            }
        )
    missed = []
    for row in rows:
        if row["group"] == "in-process":
            if row["of_empty"] > LIMIT_EMPTY:
                missed.append(f"{row['name']}: {row['of_empty']} times an empty action, allowed is {LIMIT_EMPTY}")
            if row["of_ping"] > LIMIT_PING:
                missed.append(f"{row['name']}: {row['of_ping']} of a ping, allowed is {LIMIT_PING}")
    return {
        "when": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "ansible_core": importlib.metadata.version("ansible-core"),
        "machine": platform.machine(),
        "limits": {"of_empty": LIMIT_EMPTY, "of_ping": LIMIT_PING},
        "tasks": rows,
        "missed": missed,
    }


def table(figures: dict[str, t.Any]) -> str:
    lines = [f"{'task':26} {'median':>10} {'fastest':>10} {'slowest':>10} {'of empty':>9} {'of ping':>8}"]
    for row in figures["tasks"]:
        lines.append(
            f"{row['name']:26} {row['median_ms']:7.1f} ms {row['fastest_ms']:7.1f} ms "
            f"{row['slowest_ms']:7.1f} ms {row['of_empty']:9.2f} {row['of_ping']:8.3f}"
        )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path(".bench"), help="where the JSON goes")
    parser.add_argument("--rounds", type=int, default=40, help="counted runs of each task")
    parser.add_argument("--warm-up", type=int, default=3, help="runs before them that do not count")
    options = parser.parse_args()
    if "PODREACH_LAB_DIR" not in os.environ:
        sys.exit("No lab: run this as tests/tools/with-lab python tests/bench/bench.py, or source .lab/env first.")
    with tempfile.TemporaryDirectory(prefix="podreach-bench.") as directory:
        figures = report(run(options.rounds, options.warm_up, pathlib.Path(directory)))
    options.output.mkdir(parents=True, exist_ok=True)
    file = options.output / "bench.json"
    file.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    print(table(figures))
    for line in figures["missed"]:
        print(f"Missed: {line}", file=sys.stderr)
    print(f"Written to {file}.")
    return 1 if figures["missed"] else 0


if __name__ == "__main__":
    sys.exit(main())
