"""A cluster of Ray's whose machines are processes of this one."""

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

ROOT = Path(__file__).parents[1]

PORTS = (
    "metrics_agent_port",
    "metrics_export_port",
    "dashboard_agent_listen_port",
    "runtime_env_agent_port",
)
"""Ports that are to be named: a machine that has to find them gives up where much else runs."""


def a_machine() -> dict[str, Any]:
    """Settings of a machine of one processor."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in PORTS]
        for each in sockets:
            each.bind(("", 0))
        free = [each.getsockname()[1] for each in sockets]
    return {
        "num_cpus": 1,
        "object_store_memory": 100_000_000,
        **dict(zip(PORTS, free, strict=True)),
    }


@contextmanager
def two_machines() -> Iterator[Any]:
    """Have a cluster of two machines of a processor each, as far as Ray knows."""
    import ray
    from ray.cluster_utils import Cluster

    settings = {
        "RAY_USAGE_STATS_ENABLED": "0",
        "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]),
    }
    with patch.dict(os.environ, settings):
        head = {**a_machine(), "include_dashboard": False}
        made = Cluster(initialize_head=True, head_node_args=head)
        try:
            made.add_node(**a_machine())
            yield made
        finally:
            ray.shutdown()
            made.shutdown()  # type: ignore[no-untyped-call]
