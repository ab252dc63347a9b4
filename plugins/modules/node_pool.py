#!/usr/bin/python
from __future__ import annotations

from ansible_collections.podreach.gke.plugins.module_utils.arguments import run_as_module
from ansible_collections.podreach.gke.plugins.module_utils.gcp import node_pools
from ansible_collections.podreach.gke.plugins.module_utils.gcp.task import definition

DEFINITION = definition(node_pools.NodePool, node_pools.SPEC)
def main() -> None:
    run_as_module(DEFINITION)
if __name__ == "__main__":
    main()
