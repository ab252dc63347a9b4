#!/usr/bin/python
# Copyright: (c) 2026, podreach.gke contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
---
module: pod_probe
short_description: Check from a pod what it can reach
version_added: 0.1.0
description:
  - Tries a connection from inside a pod, the only place where routes, firewalls, network policies and masquerading of
    pods show as they are.
  - By default the pod is one of its own that is made for the check and removed after it, also where the check fails. It
    runs as nobody, without privileges, and meets the restricted Pod Security Standard. What a killed run leaves behind
    stops by itself. The next check in the namespace removes it, at once if it is made where the killed one was.
  - With O(host_network=true), that pod uses the network of its node, and so shows what the node reaches.
  - With O(pod), the check is made in a pod that is there, by the programs that its image has.
  - Never reports a change.
author:
  - podreach.gke contributors (@podreach)
extends_documentation_fragment:
  - podreach.gke.google.reading
  - podreach.gke.kubernetes
  - podreach.gke.attributes
attributes:
  check_mode:
    support: partial
    details:
      - Nothing is run in check mode, and the result says so.
    description: Can run in C(check_mode) and return the changed status prediction without modifying target.
  diff_mode:
    support: none
    description: Returns details on what has changed (or possibly needs changing in C(check_mode)), when in diff mode.
  action_group:
    version_added: 0.1.0
    support: full
    membership: [podreach.gke.google, podreach.gke.kubernetes]
    description: Use C(group/podreach.gke.google) or C(group/podreach.gke.kubernetes) in C(module_defaults) to set
      defaults for this module.
options:
  kind:
    description:
      - V(icmp) pings. V(tcp) opens a connection and closes it. V(http) gets a URL. V(dns) looks a name up.
    type: str
    choices: [icmp, tcp, http, dns]
    required: true
  target:
    description:
      - The address or name to reach, or with O(kind=dns) the name to look up. Not for O(kind=http).
    type: str
  port:
    description:
      - The port, for O(kind=tcp).
    type: int
  url:
    description:
      - The URL, for O(kind=http). Certificates are not verified, and no proxy is used.
    type: str
  status:
    description:
      - The statuses of HTTP of which one counts as reachable. Any does without this.
    type: list
    elements: int
  body:
    description:
      - A regular expression that the answer's body must match somewhere.
    type: str
  count:
    description:
      - How many pings to send.
    type: int
    default: 3
  min_received:
    description:
      - How many of them have to be answered.
    type: int
    default: 1
  probe_timeout:
    description:
      - Seconds that the target may take to answer.
    type: int
    default: 5
  expect:
    description:
      - What has to be found, or the task fails. With V(any), only a check that could not be made is a failure.
    type: str
    choices: [reachable, unreachable, any]
    default: reachable
  namespace:
    description:
      - The namespace of the pod, which has to exist.
    type: str
    default: default
  pod:
    description:
      - The name of a pod to check from. Without it, a pod is made for the check.
    type: str
  container:
    description:
      - The container of O(pod). Without it the one that C(kubectl exec) would take.
    type: str
  image:
    description:
      - The image of the pod that is made. It has to have C(sh), C(sleep) and the program for the check.
      - The default is Docker Hub's busybox by Google's mirror, which nodes of private clusters reach too.
    type: str
    default: mirror.gcr.io/library/busybox:1.37
  labels:
    description:
      - Labels of the pod that is made, so that network policies select it as they would the pods it stands for.
    type: dict
  node_selector:
    description:
      - Labels of the nodes that the pod that is made may run on.
    type: dict
  host_network:
    description:
      - Make the pod in the network of its node, so that the check shows what the node reaches, with the node's address.
        Network policies do not count for it, and names are looked up as the node does. Not together with O(pod).
      - A namespace that enforces the Pod Security Standard V(baseline) or V(restricted) refuses such a pod, and so does
        an Autopilot cluster. For O(kind=icmp) it runs as root, with C(NET_RAW) as its only capability; otherwise as
        nobody.
    type: bool
    default: false
  source_url:
    description:
      - After the check, get this URL from the same pod, and report in RV(seen_source) whom its server saw. The answer
        has to tell the caller's address, as JSON under the key C(source), C(ip), C(origin) or C(client), or as the only
        address in the text.
      - It is not asked where nothing at all came back from the target. Not for O(kind=dns).
    type: str
  timeout:
    description:
      - Seconds that the whole task may take, the start of the pod included.
    type: int
    default: 120
notes:
  - Needs the right to get pods and to run programs in them (C(pods/exec)) in the namespace, and without O(pod) to
    create, list and delete them. O(cluster) needs C(container.clusters.get) at Google.
requirements:
  - websocket-client (kubernetes brings it)
seealso:
  - module: podreach.gke.internal_service
"""

EXAMPLES = r"""
- name: Does a pod reach the instance in AWS?
  podreach.gke.pod_probe:
    cluster: test-cluster
    location: asia-northeast1-a
    kind: icmp
    target: 10.0.1.7

- name: Is its health page what it should be?
  podreach.gke.pod_probe:
    cluster: test-cluster
    location: asia-northeast1-a
    kind: http
    url: http://10.0.1.7/health
    status: [200]
    body: OK

- name: Pods that are labelled as the web's must not reach the database
  podreach.gke.pod_probe:
    cluster: test-cluster
    location: asia-northeast1-a
    kind: tcp
    target: 10.0.1.9
    port: 5432
    labels:
      app: web
    expect: unreachable

- name: Does its node reach the instance, where the pod does not?
  podreach.gke.pod_probe:
    cluster: test-cluster
    location: asia-northeast1-a
    kind: icmp
    target: 10.0.1.7
    host_network: true
    expect: any

- name: Whose address does the instance see?
  podreach.gke.pod_probe:
    cluster: test-cluster
    location: asia-northeast1-a
    kind: tcp
    target: 10.0.1.7
    port: 80
    source_url: http://10.0.1.7/
    expect: any

- name: From a pod that is there
  podreach.gke.pod_probe:
    cluster: test-cluster
    location: asia-northeast1-a
    kind: tcp
    target: 10.0.1.7
    port: 80
    pod: web-0
    expect: any
  register: probe
"""

RETURN = r"""
reachable:
  description: Whether the target was reached as asked. Null in check mode.
  returned: always
  type: bool
  sample: true
ran:
  description: Whether anything was run; not in check mode.
  returned: success
  type: bool
  sample: true
msg:
  description: What was found, in words.
  returned: always
  type: str
  sample: >-
    pod default/podreach-probe-548ab5fcbe (10.4.1.2 on node gke-c1-default-pool-2a1f55da-1caf) reaches 10.1.0.200 by
    icmp: 3 of 3 replies
reason:
  description:
    - Why the target was not reached. V(refused) (it answered that nobody listens), V(no-reply), V(lost) (fewer replies
      than O(min_received)), V(timed-out), V(no-route), V(unresolved) (no address for the name), V(status), V(body) or
      V(failed). Null where it was reached.
  returned: where it was run
  type: str
  sample: null
output:
  description: What the program wrote.
  returned: where it was run
  type: str
  sample: |-
    PING 10.1.0.200 (10.1.0.200) 56(84) bytes of data.
    64 bytes from 10.1.0.200: icmp_seq=1 ttl=63 time=0.098 ms
    64 bytes from 10.1.0.200: icmp_seq=2 ttl=63 time=0.106 ms
    64 bytes from 10.1.0.200: icmp_seq=3 ttl=63 time=0.091 ms

    --- 10.1.0.200 ping statistics ---
    3 packets transmitted, 3 received, 0% packet loss, time 2027ms
    rtt min/avg/max/mdev = 0.091/0.098/0.106/0.006 ms
pod:
  description: The pod that it was run in.
  returned: where it was run
  type: dict
  contains:
    name:
      description: Its name.
      type: str
    namespace:
      description: Its namespace.
      type: str
    address:
      description: Its address, which is that of its node where it uses the node's network.
      type: str
    node:
      description: The node that it ran on.
      type: str
    node_address:
      description: The address of that node.
      type: str
    host_network:
      description: Whether it uses the network of its node.
      type: bool
    own:
      description: Whether it was made for the check, so that it is gone by now.
      type: bool
  sample:
    address: 10.4.1.2
    host_network: false
    name: podreach-probe-548ab5fcbe
    namespace: default
    node: gke-c1-default-pool-2a1f55da-1caf
    node_address: 10.1.0.2
    own: true
sent:
  description: How many pings were sent.
  returned: O(kind=icmp)
  type: int
  sample: 3
received:
  description: How many of them were answered.
  returned: O(kind=icmp)
  type: int
  sample: 3
ttl:
  description: The time to live of the first reply.
  returned: O(kind=icmp)
  type: int
  sample: 63
rtt:
  description: Round-trip times in milliseconds. Null where there was no reply.
  returned: O(kind=icmp)
  type: dict
  contains:
    min:
      description: The shortest.
      type: float
    avg:
      description: The mean.
      type: float
    max:
      description: The longest.
      type: float
  sample:
    avg: 0.098
    max: 0.106
    min: 0.091
status:
  description: The status of HTTP. Null where there was no answer.
  returned: O(kind=http)
  type: int
  sample: 200
body:
  description: The beginning of the answer's body.
  returned: O(kind=http)
  type: str
  sample: OK
addresses:
  description: The addresses of the name.
  returned: O(kind=dns)
  type: list
  elements: str
  sample: [10.0.1.7]
seen_source:
  description: The address that O(source_url) saw. Null where it told none, with a warning, or was not asked.
  returned: O(source_url) is given and it was run
  type: str
  sample: 10.4.1.2
seen_as:
  description: Whose address that is, V(pod), that of its V(node), or V(other). Null where it is not known.
  returned: O(source_url) is given and it was run
  type: str
  sample: pod
error:
  description: What went wrong, for programs.
  returned: failure
  type: dict
  contains:
    code:
      description: A short stable code of this collection, or the reason of Kubernetes.
      type: str
    reason:
      description: The API's reason.
      type: str
    message:
      description: The message.
      type: str
    resource:
      description: The object, by kind, namespace and name.
      type: str
    operation:
      description: What still goes on.
      type: str
"""

from ansible_collections.podreach.gke.plugins.module_utils.arguments import run_as_module
from ansible_collections.podreach.gke.plugins.module_utils.kubernetes import probes

DEFINITION = probes.DEFINITION


def main() -> None:
    run_as_module(DEFINITION)


if __name__ == "__main__":
    main()
