"""This module owns handing items to more machines: a Dask cluster, when one is named.

Each row's forecast needs its own past only, so the rows are cut into parts, worked on
anywhere, and put together in their order; the numbers are the same to the last digit.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

ADDRESS = "OPSLIB_CLUSTER"
PART_ROWS = 200


def by_rows(
    work: Callable[..., np.ndarray],
    units: np.ndarray,
    season: np.ndarray,
    ahead: int,
    *,
    cluster: str = "",
) -> np.ndarray:
    """Return what a method gives, its rows shared out where a cluster is named.

    Args:
        work: A method of `forecast.METHODS` that looks at each row alone.
        units: Rows by weeks.
        season: Factors of past and coming weeks.
        ahead: Weeks ahead.
        cluster: Address of a Dask scheduler; empty takes the one that
            `opslib run --cluster` named, and none works here.

    Raises:
        ValueError: A cluster is named and the extra is missing or nothing answers.

    Example:
        >>> double = lambda units, season, ahead: 2 * units[:, :ahead]
        >>> by_rows(double, np.ones((1, 3)), np.ones(4), 1).tolist()
        [[2.0]]
    """
    address = cluster or os.environ.get(ADDRESS, "")
    if not address:
        return work(units, season, ahead)
    try:
        from distributed import Client
    except ImportError as error:
        msg = f"cluster {address!r} needs dask; install opslib[cluster]"
        raise ValueError(msg) from error
    try:
        client = Client(address, timeout="15s", set_as_default=False)
    except OSError as error:
        msg = f"no Dask scheduler answers at {address!r}; start one or run without --cluster"
        raise ValueError(msg) from error
    parts = np.array_split(units, max(1, -(-len(units) // PART_ROWS)))
    with client:
        futures = [client.submit(work, p, season, ahead, pure=False) for p in parts]
        return np.vstack(client.gather(futures))
