# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab's Kubernetes against the real kubectl: what it asks, prints and accepts.

kubectl knows the lab by the kubeconfig that `gcloud container clusters get-credentials` wrote, and can get its token
from gke-gcloud-auth-plugin, as on any engineer's machine.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import shutil
import socket
import struct
import subprocess
import termios
import time
import typing as t

import pytest

from ansible_collections.podreach.gke.tests.integration.clusters import LOCATION, make_cluster
from ansible_collections.podreach.gke.tests.lab.podreach_lab.testing import Lab

Json = dict[str, t.Any]

CLIENTS = ("kubectl", "gcloud", "gke-gcloud-auth-plugin")
MISSING = [name for name in CLIENTS if shutil.which(name) is None]
pytestmark = pytest.mark.skipif(
    bool(MISSING), reason=f"not installed: {', '.join(MISSING)}; conformance with kubectl cannot be tried"
)

MANIFEST = """
apiVersion: v1
kind: Service
metadata: {name: web, labels: {app: web}}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: 8080}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: nginx:1.25
        ports: [{containerPort: 8080}]
        env: [{name: A, value: "1"}, {name: B, value: "2"}]
"""


class Kubectl:
    """The command, with the lab's environment and nothing of the machine's own configuration."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        others = ("CLOUDSDK_", "GOOGLE_", "GCP_", "KUBE")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(others)}
        self.environment = {**kept, **lab.env}

    def run(self, *arguments: str, given: str = "", command: str = "kubectl") -> subprocess.CompletedProcess[str]:
        line = arguments[0].split() if len(arguments) == 1 else list(arguments)
        return subprocess.run(
            [command, *line],
            input=given,
            capture_output=True,
            text=True,
            env=self.environment,
            timeout=60,
            check=False,
        )

    def __call__(self, *arguments: str, given: str = "") -> str:
        """Standard output of a command that must succeed."""
        done = self.run(*arguments, given=given)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}\n{done.stdout}{done.stderr}"
        return done.stdout

    def json(self, *arguments: str) -> t.Any:
        return json.loads(self(f"{arguments[0]} -o json") if len(arguments) == 1 else self(*arguments, "-o", "json"))

    def fails(self, *arguments: str, given: str = "", code: int = 1) -> str:
        """Standard error of a command that must fail."""
        done = self.run(*arguments, given=given)
        assert done.returncode == code, f"kubectl {' '.join(arguments)}\n{done.stdout}{done.stderr}"
        return done.stderr


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Kubectl]:
    """A lab with a cluster `c1` and a kubeconfig that gcloud wrote."""
    lab = Lab.start(tmp_path_factory.mktemp("kubectl") / ".lab")
    make_cluster(lab, "c1")
    kubectl = Kubectl(lab)
    done = kubectl.run(f"container clusters get-credentials c1 --location {LOCATION}", command="gcloud")
    assert done.returncode == 0, done.stderr
    kubectl("config rename-context gke_podreach-lab_asia-northeast1-a_c1 by-plugin")
    # Asking the plugin costs most of a second each time: only one test does.
    kubectl("config", "set-credentials", "operator", f"--token={lab.token()}")
    kubectl("config set-context by-token --cluster=gke_podreach-lab_asia-northeast1-a_c1 --user=operator")
    kubectl("config use-context by-token")
    yield kubectl
    lab.stop()


@pytest.fixture
def kubectl(process: Kubectl, request: pytest.FixtureRequest) -> t.Iterator[Kubectl]:
    """kubectl in a namespace of the test's own."""
    name = request.node.name.replace("_", "-")[:60].rstrip("-")
    process("create", "namespace", name)
    process("config", "set-context", "--current", f"--namespace={name}")
    yield process
    process("delete", "namespace", name, "--wait=false")


def columns(text: str) -> str:
    """The heading of a table."""
    return " ".join(text.splitlines()[0].split())


# ---- who asks, and what is served


def test_the_plugins_token_is_the_labs(kubectl: Kubectl) -> None:
    who = json.loads(kubectl("auth whoami -o json --context by-plugin"))
    assert who["status"]["userInfo"]["username"] == "operator@podreach-lab.iam.gserviceaccount.com"
    assert kubectl("auth can-i create deployments").strip() == "yes"


def test_other_accounts(kubectl: Kubectl) -> None:
    refused = kubectl.fails("get", "pods", f"--token={kubectl.lab.token('peer')}")
    assert "Error from server (Forbidden): pods is forbidden: User" in refused
    assert 'requires one of ["container.pods.list"] permission(s)' in refused
    assert "Unauthorized" in kubectl.fails("get", "pods", "--token=nobody")
    assert kubectl.run("auth", "can-i", "get", "pods", f"--token={kubectl.lab.token('peer')}").stdout == "no\n"


def test_what_is_served(kubectl: Kubectl) -> None:
    served = kubectl("api-resources --no-headers -o wide")
    rows = {line.split()[0]: line for line in served.splitlines()}
    assert {"pods", "services", "deployments", "daemonsets", "networkpolicies", "nodes", "events"} <= set(rows)
    assert rows["pods"].split()[1:5] == ["po", "v1", "true", "Pod"]
    assert "egressnatpolicies" not in rows
    assert "v1" in kubectl("api-versions").splitlines()
    version = json.loads(kubectl("version -o json"))
    assert version["serverVersion"]["gitVersion"].startswith("v1.")
    assert "-gke." in version["serverVersion"]["gitVersion"]


def test_explain(kubectl: Kubectl) -> None:
    told = kubectl("explain deployment.spec.strategy.rollingUpdate")
    assert "maxSurge\t<IntOrString>" in told
    assert "podSelector" in kubectl("explain networkpolicy.spec --recursive")


def test_tables(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", given=MANIFEST)
    expected = "NAME READY UP-TO-DATE AVAILABLE AGE CONTAINERS IMAGES SELECTOR"
    assert columns(kubectl("get deploy -o wide")) == expected
    wide = kubectl("get svc -o wide").splitlines()
    assert columns(wide[0]) == "NAME TYPE CLUSTER-IP EXTERNAL-IP PORT(S) AGE SELECTOR"
    cells = wide[1].split()
    assert (cells[0], cells[1], cells[3], cells[4], cells[6]) == ("web", "ClusterIP", "<none>", "80/TCP", "app=web")
    assert columns(kubectl("get cm")) == "NAME DATA AGE"
    assert kubectl("get ns default --no-headers").split()[:2] == ["default", "Active"]
    assert kubectl("get deploy -o name").strip() == "deployment.apps/web"
    assert kubectl("get deploy web -o jsonpath={.spec.replicas}") == "2"
    assert kubectl.fails("get pods nothing") == 'Error from server (NotFound): pods "nothing" not found\n'


# ---- creating


def test_create_in_protobuf(kubectl: Kubectl) -> None:
    kubectl("create configmap one --from-literal=config=x")
    assert kubectl.json("get configmap one")["data"] == {"config": "x"}
    kubectl("create deployment web --image=nginx --replicas=3 --port=80")
    made = kubectl.json("get deployment web")
    assert made["spec"]["replicas"] == 3
    assert made["spec"]["template"]["spec"]["containers"][0]["ports"] == [{"containerPort": 80, "protocol": "TCP"}]
    assert made["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": "25%", "maxUnavailable": "25%"}
    kubectl("create secret generic key --from-literal=a=b")
    assert kubectl.json("get secret key")["data"] == {"a": "Yg=="}
    kubectl("create serviceaccount robot")
    kubectl("create role reader --verb=get --resource=pods")
    kubectl("create rolebinding reads --role=reader --serviceaccount=default:robot")
    assert kubectl.json("get rolebinding reads")["roleRef"]["name"] == "reader"
    kubectl("create service clusterip inside --tcp=80:8080")
    assert kubectl.json("get service inside")["spec"]["ports"][0]["targetPort"] == 8080
    kubectl("create job once --image=busybox -- true")
    assert kubectl.json("get job once")["spec"]["template"]["spec"]["restartPolicy"] == "Never"
    assert "already exists" in kubectl.fails("create configmap one --from-literal=config=x")
    kubectl("expose deployment web --port=80 --target-port=8080")
    assert kubectl.json("get service web")["spec"]["selector"] == {"app": "web"}


def test_generated_names(kubectl: Kubectl) -> None:
    given = '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"generateName": "c-"}}'
    said = kubectl("create", "-f", "-", given=given)
    assert len(said.split()[0]) == len("configmap/c-") + 5


def test_addresses_of_services(kubectl: Kubectl) -> None:
    kubectl("create service clusterip a --tcp=80")
    taken = kubectl.json("get service a")["spec"]["clusterIP"]
    refused = kubectl.fails("create", "service", "clusterip", "b", "--tcp=80", f"--clusterip={taken}")
    assert f"failed to allocate IP {taken}: provided IP is already allocated" in refused
    refused = kubectl.fails("create service clusterip b --tcp=80 --clusterip=192.0.2.1")
    assert "the provided IP (192.0.2.1) is not in the valid range. The range of valid IPs is 34.118.224.0/20" in refused
    changed = kubectl.fails("patch", "service", "a", "-p", '{"spec": {"clusterIP": "34.118.225.99"}}')
    assert "may not change once set" in changed
    kubectl("create service nodeport c --tcp=80")
    assert 30000 <= kubectl.json("get service c")["spec"]["ports"][0]["nodePort"] <= 32767


# ---- apply


def test_apply_diff_apply(kubectl: Kubectl) -> None:
    shown = kubectl.run("diff", "-f", "-", given=MANIFEST)
    assert shown.returncode == 1, shown.stderr
    assert "+  replicas: 2" in shown.stdout
    assert "not found" in kubectl.fails("get deploy web")
    kubectl("apply", "-f", "-", given=MANIFEST)
    assert kubectl("diff", "-f", "-", given=MANIFEST) == ""
    before = kubectl.json("get deploy web")
    assert kubectl("apply", "-f", "-", given=MANIFEST).splitlines() == [
        "service/web unchanged",
        "deployment.apps/web unchanged",
    ]
    changed = MANIFEST.replace('[{name: A, value: "1"}, {name: B', "[{name: B").replace("1.25", "1.26")
    shown = kubectl.run("diff", "-f", "-", given=changed)
    assert "+        image: nginx:1.26" in shown.stdout
    assert "-        - name: A" in shown.stdout or '-          value: "1"' in shown.stdout, shown.stdout
    assert kubectl.json("get deploy web") == before
    kubectl("apply", "-f", "-", given=changed)
    container = kubectl.json("get deploy web")["spec"]["template"]["spec"]["containers"][0]
    assert container["env"] == [{"name": "B", "value": "2"}]
    assert container["image"] == "nginx:1.26"
    assert container["terminationMessagePath"] == "/dev/termination-log"


def test_apply_on_the_servers_side(kubectl: Kubectl) -> None:
    kubectl("apply", "--server-side", "-f", "-", given=MANIFEST)
    version = kubectl.json("get deploy web")["metadata"]["resourceVersion"]
    kubectl("apply", "--server-side", "-f", "-", given=MANIFEST)
    assert kubectl.json("get deploy web")["metadata"]["resourceVersion"] == version
    kubectl("scale deployment web --replicas=5")
    refused = kubectl.fails("apply", "--server-side", "-f", "-", given=MANIFEST)
    expected = (
        'Apply failed with 1 conflict: conflict with "kubectl" with subresource "scale" using apps/v1: .spec.replicas'
    )
    assert expected in refused
    owners = kubectl("get deploy web -o json --show-managed-fields")
    managers = {item["manager"]: item for item in json.loads(owners)["metadata"]["managedFields"]}
    assert managers["kubectl"]["operation"] in ("Apply", "Update")
    kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", given=MANIFEST)
    assert kubectl.json("get deploy web")["spec"]["replicas"] == 2
    less = MANIFEST.replace("  replicas: 2\n", "").replace(', {name: B, value: "2"}', "")
    kubectl("apply", "--server-side", "-f", "-", given=less)
    after = kubectl.json("get deploy web")["spec"]
    assert after["template"]["spec"]["containers"][0]["env"] == [{"name": "A", "value": "1"}]
    assert after["replicas"] == 1  # nobody says how many any more: the default


def test_dry_runs_persist_nothing(kubectl: Kubectl) -> None:
    before = kubectl.lab.status()["mutations"]
    kubectl("apply", "--dry-run=server", "-f", "-", given=MANIFEST)
    kubectl("apply", "--dry-run=server", "--server-side", "-f", "-", given=MANIFEST)
    kubectl("create configmap c --from-literal=a=b --dry-run=server")
    kubectl("delete configmap kube-root-ca.crt --dry-run=server")
    assert kubectl.lab.status()["mutations"] == before
    assert kubectl("get deploy,svc,cm -o name").split() == ["configmap/kube-root-ca.crt"]


def test_unknown_fields(kubectl: Kubectl) -> None:
    wrong = MANIFEST.replace("replicas: 2", "replica: 2")
    assert 'strict decoding error: unknown field "spec.replica"' in kubectl.fails("apply", "-f", "-", given=wrong)
    done = kubectl.run("apply", "--validate=warn", "-f", "-", given=wrong)
    assert 'Warning: unknown field "spec.replica"' in done.stderr
    assert done.returncode == 0
    assert "replica" not in kubectl.json("get deploy web")["spec"]


def test_what_is_refused(kubectl: Kubectl) -> None:
    said = kubectl.fails("create", "configmap", "Upper", "--from-literal=a=b")
    assert "a lowercase RFC 1123 subdomain must consist of" in said
    kubectl("apply", "-f", "-", given=MANIFEST)
    other = MANIFEST.replace("matchLabels: {app: web}", "matchLabels: {app: x}").replace(
        "labels: {app: web}}\n    spec", "labels: {app: x}}\n    spec"
    )
    assert "field is immutable" in kubectl.fails("apply", "-f", "-", given=other)
    alone = MANIFEST.replace("matchLabels: {app: web}", "matchLabels: {app: z}").replace("name: web}", "name: z}")
    assert "`selector` does not match template `labels`" in kubectl.fails("apply", "-f", "-", given=alone)
    assert "a valid label must be" in kubectl.fails("label deploy web a=-b-")


# ---- changing


def test_patches(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", given=MANIFEST)
    env = '{"spec":{"template":{"spec":{"containers":[{"name":"web","env":[{"name":"A","$patch":"delete"}]}]}}}}'
    kubectl("patch", "deploy", "web", "-p", env)
    container = kubectl.json("get deploy web")["spec"]["template"]["spec"]["containers"][0]
    assert container["env"] == [{"name": "B", "value": "2"}]
    assert container["image"] == "nginx:1.25"
    kubectl("patch", "svc", "web", "--type=merge", "-p", '{"metadata":{"labels":{"app":null,"x":"y"}}}')
    assert kubectl.json("get svc web")["metadata"]["labels"] == {"x": "y"}
    kubectl("patch", "svc", "web", "--type=json", "-p", '[{"op":"replace","path":"/spec/ports/0/port","value":81}]')
    assert kubectl.json("get svc web")["spec"]["ports"][0]["port"] == 81
    wrong = '[{"op":"test","path":"/spec/ports/0/port","value":80}]'
    assert "testing value /spec/ports/0/port failed" in kubectl.fails("patch", "svc", "web", "--type=json", "-p", wrong)


def test_labels_annotations_scale_set(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", given=MANIFEST)
    kubectl("label deploy web tier=front")
    assert kubectl("get deploy -l tier=front,app!=x -o name") == "deployment.apps/web\n"
    assert kubectl("get deploy -l tier in (back) -o name".replace("tier in (back)", "tier=back")) == ""
    kubectl("annotate deploy web note=x")
    kubectl("scale deploy web --replicas=4")
    assert kubectl.json("get deploy web")["spec"]["replicas"] == 4
    kubectl("set image deploy/web web=nginx:1.27")
    generation = kubectl.json("get deploy web")["metadata"]["generation"]
    kubectl("rollout restart deploy/web")
    after = kubectl.json("get deploy web")
    assert after["metadata"]["generation"] == generation + 1
    assert "kubectl.kubernetes.io/restartedAt" in after["spec"]["template"]["metadata"]["annotations"]
    kubectl("get cm --field-selector metadata.name=kube-root-ca.crt -o name")


def test_replace_needs_the_latest(kubectl: Kubectl) -> None:
    kubectl("create configmap one --from-literal=a=b")
    old = kubectl("get configmap one -o json")
    kubectl("label configmap one x=y")
    assert "the object has been modified" in kubectl.fails("replace", "-f", "-", given=old)


# ---- waiting and deleting


def test_waiting(kubectl: Kubectl) -> None:
    kubectl("wait --for=jsonpath={.status.phase}=Active namespace/default --timeout=5s")
    kubectl("create configmap one --from-literal=a=b")
    waits = subprocess.Popen(
        ["kubectl", "wait", "--for=delete", "configmap/one", "--timeout=20s"], env=kubectl.environment
    )
    kubectl("delete configmap one")
    assert waits.wait(timeout=20) == 0
    kubectl("create configmap two --from-literal=a=b")
    assert "error: timed out waiting" in kubectl.fails("wait --for=delete configmap/two --timeout=1s")


def test_watching(kubectl: Kubectl) -> None:
    watch = subprocess.Popen(
        ["kubectl", "get", "configmap", "--watch-only", "-o", "name", "--request-timeout=20s"],
        stdout=subprocess.PIPE,
        text=True,
        env=kubectl.environment,
    )
    assert watch.stdout is not None
    kubectl("get ns")  # by now it has begun
    for name in ("one", "two"):
        kubectl(f"create configmap {name} --from-literal=a=b")
    seen = [watch.stdout.readline().strip() for _time in range(2)]
    watch.terminate()
    watch.wait(timeout=10)
    assert seen == ["configmap/one", "configmap/two"]


def test_deleting(kubectl: Kubectl) -> None:
    kubectl("apply", "-f", "-", given=MANIFEST)
    assert kubectl("delete", "-f", "-", given=MANIFEST).splitlines() == [
        'service "web" deleted',
        'deployment.apps "web" deleted',
    ]
    assert "NotFound" in kubectl.fails("delete deploy web")
    kubectl("create namespace gone")
    kubectl("create configmap one -n gone --from-literal=a=b")
    kubectl("delete namespace gone --timeout=20s")
    assert 'namespaces "gone" not found' in kubectl.fails("get ns gone")
    for name in ("one", "two"):
        kubectl(f"create configmap {name} --from-literal=a=b")
    kubectl("label configmap one x=y")
    kubectl("delete configmap -l x=y")
    assert kubectl("get configmap -o name").split() == ["configmap/kube-root-ca.crt", "configmap/two"]


# ---- types of one's own, faults, the log, life


def test_custom_resources(kubectl: Kubectl) -> None:
    definition = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: things, kind: Thing, shortNames: [th]}
  versions:
  - name: v1
    served: true
    storage: true
    subresources: {status: {}}
    additionalPrinterColumns: [{name: Size, type: integer, jsonPath: .spec.size}]
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            required: [size]
            properties:
              size: {type: integer, minimum: 1}
              colour: {type: string, default: red, enum: [red, blue]}
"""
    kubectl("apply", "-f", "-", given=definition)
    kubectl("wait --for=condition=Established crd/things.example.com --timeout=5s")
    thing = '{"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "a"}, "spec": {"size": %s}}'
    kubectl("apply", "-f", "-", given=thing % 3)
    assert columns(kubectl("get th")) == "NAME SIZE"
    assert kubectl.json("get thing a")["spec"] == {"size": 3, "colour": "red"}
    assert "must be of type integer" in kubectl.fails("apply", "-f", "-", given=thing % '"x"')
    assert "greater than or equal to 1" in kubectl.fails("apply", "-f", "-", given=thing % 0)
    assert "colour" in kubectl("explain thing.spec")
    kubectl("delete crd things.example.com")
    assert "could not find the requested resource" in kubectl.fails("get things")  # kubectl remembers the type
    assert "things" not in kubectl("api-resources -o name").split()


def test_injected_faults_and_the_log(kubectl: Kubectl) -> None:
    lab = kubectl.lab
    mark = lab.seq()
    lab.fault(method="POST", path="/configmaps", status=403, message="no more")
    assert "no more" in kubectl.fails("create configmap one --from-literal=a=b")
    kubectl("create configmap one --from-literal=a=b")
    logged = [item for item in lab.mutating(mark) if item["path"].endswith("/configmaps")]
    assert [item["status"] for item in logged] == [403, 201]
    assert logged[1]["cluster"].endswith("/clusters/c1")
    assert logged[1]["caller"] == "operator@podreach-lab.iam.gserviceaccount.com"
    assert logged[1]["method_id"] == "kubernetes.configmaps.create"


# ---- what runs


@pytest.fixture
def running(kubectl: Kubectl) -> Kubectl:
    """Two pods of a deployment `web` run."""
    kubectl("apply", "-f", "-", given=MANIFEST)
    kubectl("rollout status deployment/web --timeout=30s")
    return kubectl


@pytest.fixture
def entered(running: Kubectl) -> Kubectl:
    """As running, where programs can be run in pods."""
    packets = running.lab.status()["packets"]
    if not packets["available"]:
        if os.environ.get("PODREACH_NO_PACKETS") == "1":
            pytest.skip(f"pods have no network here: {packets['reason']}")
        pytest.fail(f"{packets['reason']} (PODREACH_NO_PACKETS=1 skips what needs packets)")
    return running


def test_rollouts(running: Kubectl) -> None:
    first = set(running("get pods -l app=web -o name").split())
    assert len(first) == 2
    running("wait --for=condition=Available deployment/web --timeout=10s")
    running("wait --for=condition=Ready pod -l app=web --timeout=10s")
    running("set image deployment/web web=nginx:1.26")
    running("rollout status deployment/web --timeout=30s")
    rows = running("get pods -l app=web -o wide").splitlines()
    assert columns(rows[0]) == "NAME READY STATUS RESTARTS AGE IP NODE NOMINATED NODE READINESS GATES"
    second = {f"pod/{row.split()[0]}" for row in rows[1:] if row.split()[2] == "Running"}
    assert len(second) == 2
    assert not first & second
    assert len(running("rollout history deployment/web").strip().splitlines()) == 4
    running("rollout undo deployment/web")
    running("rollout status deployment/web --timeout=30s")
    assert running.json("get deployment web")["spec"]["template"]["spec"]["containers"][0]["image"] == "nginx:1.25"
    running("delete deployment web --cascade=foreground --timeout=30s")
    assert running("get pods,rs -o name") == ""


def test_programs_in_pods(entered: Kubectl) -> None:
    assert entered("exec deploy/web -- echo hello") == "hello\n"
    done = entered.run("exec", "deploy/web", "--", "sh", "-c", "echo out; echo err >&2; exit 3")
    assert (done.returncode, done.stdout) == (3, "out\n")
    assert done.stderr == "err\ncommand terminated with exit code 3\n"
    text = "line\n" * 50_000
    assert entered("exec", "-i", "deploy/web", "--", "cat", given=text) == text
    address = entered("get pods -l app=web -o jsonpath={.items[0].status.podIP}")
    name = entered("get pods -l app=web -o jsonpath={.items[0].metadata.name}")
    assert f"{address}/" in entered("exec", name, "--", "ip", "-4", "address", "show")
    missing = entered.fails("exec", name, "--", "no-such-program")
    assert 'exec: "no-such-program": executable file not found in $PATH' in missing


def test_a_program_ends_with_its_client(entered: Kubectl) -> None:
    name = entered("get pods -l app=web -o jsonpath={.items[0].metadata.name}")
    command = ["kubectl", "exec", name, "--", "sh", "-c", "echo begun; exec sleep 321"]
    client = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=entered.environment)
    assert client.stdout is not None
    assert client.stdout.readline() == "begun\n"
    client.kill()
    client.wait(timeout=10)
    for _attempt in range(50):
        left = subprocess.run(["pgrep", "-fx", "sleep 321"], capture_output=True, text=True, check=False).stdout
        if not left:
            break
        time.sleep(0.1)
    assert left == ""


def test_programs_in_a_terminal(entered: Kubectl) -> None:
    """kubectl is given a terminal of 40 rows and 100 columns."""
    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
    command = ["kubectl", "exec", "-it", "deploy/web", "--", "sh", "-c", "sleep 0.5; stty size; read word; echo =$word"]
    client = subprocess.Popen(
        command, stdin=child, stdout=child, stderr=subprocess.DEVNULL, env=entered.environment, start_new_session=True
    )
    os.close(child)
    os.write(parent, b"typed\n")
    seen = b""
    while b"=typed" not in seen:
        seen += os.read(parent, 1024)
    assert client.wait(timeout=10) == 0
    os.close(parent)
    assert b"40 100" in seen


def test_programs_need_a_container(running: Kubectl) -> None:
    name = running("get pods -l app=web -o jsonpath={.items[0].metadata.name}")
    assert "not found" in running.fails("exec nothing -- true")
    assert f"container x is not valid for pod {name}" in running.fails("exec", name, "-c", "x", "--", "true")
    assert "the lab has no pods/portforward" in running.fails("port-forward", name, "8080:80")


# ---- the end


def test_a_cluster_that_goes_takes_its_api_along(process: Kubectl) -> None:
    lab = process.lab
    cluster = make_cluster(lab, "c2", autopilot=True)
    again = Kubectl(lab)
    again.environment["KUBECONFIG"] = str(lab.directory / "kubeconfig-2")
    done = again.run("container clusters get-credentials c2 --location asia-northeast1", command="gcloud")
    assert done.returncode == 0, done.stderr
    policy = """
apiVersion: networking.gke.io/v1
kind: EgressNATPolicy
metadata: {name: ours}
spec: {action: NoSNAT, destinations: [{cidr: 10.0.0.0/8}]}
"""
    again("apply", "-f", "-", given=policy)
    assert again("get", "egressnatpolicy", "ours", "-o", "name") == "egressnatpolicy.networking.gke.io/ours\n"
    assert 'supported values: "NoSNAT"' in again.fails("apply", "-f", "-", given=policy.replace("NoSNAT", "SNAT"))
    done = again.run("container clusters delete c2 --location asia-northeast1 --quiet", command="gcloud")
    assert done.returncode == 0, done.stderr
    host, _separator, port = cluster["endpoint"].partition(":")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port or 443)), timeout=5)
    assert "default" in process("get ns")
