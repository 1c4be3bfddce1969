"""Actions on the machines of a dask.distributed cluster. The only package that knows dask; it imports it when used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tinyflow.core.distribution import pip_install
from tinyflow.core.errors import ToolError

if TYPE_CHECKING:
    from tinyflow.flow.session.cluster.address import ClusterAddress
    from tinyflow.flow.session.cluster.cluster import Cluster


def open_cluster(address: ClusterAddress, state: Path, warn: Callable[[str], None]) -> Cluster:
    """Connect. `state` is for what workers on this machine keep. Raises ToolError."""
    try:
        from tinyflow.flow.session.cluster.cluster import Cluster
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("dask", "distributed"):
            raise
        raise ToolError("dask.distributed is not installed", hint=pip_install("cluster"), missing=True) from None
    return Cluster(address, state, warn)
