"""A Dask cluster on this host."""

from collections.abc import Iterator
from typing import Any

import pytest


def two_workers() -> Iterator[Any]:
    """A scheduler and two workers, each in a process of its own; one that dies is replaced. For a fixture."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
    ) as made:
        yield made
