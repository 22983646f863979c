"""This module owns whether groups lie apart or shade into each other.

Groups cut from one cloud can be found again and again and still have no gap between
them (Dolnicar, Leisch 2010: reproducible, but not natural). A gap shows as a valley:
along the line that parts two groups best, fewer customers lie between them than on
either side.
"""

from __future__ import annotations

import numpy as np

APART = 0.8
_STEPS = 60


def valleys(x: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return each group's shallowest valley to another group.

    Two groups are projected on Fisher's direction; the valley is the lowest density
    between their middles, as a share of the lower of the two peaks beside it. Two
    halves of one normal cloud have 1, two clouds five spreads apart about .1.

    Args:
        x: Scaled features: customer, feature.
        labels: Group of each row, numbered from 0.

    Returns:
        For each group a share between 0 (apart) and 1 (no gap to some neighbour).

    Example:
        >>> draw = np.random.default_rng(0)
        >>> x = np.r_[draw.normal(0, 1, (300, 2)), draw.normal(6, 1, (300, 2))]
        >>> bool(valleys(x, np.repeat([0, 1], 300)).max() < 0.2)
        True
        >>> valleys(x[:300], (x[:300, 0] > 0).astype(int)).tolist()
        [1.0, 1.0]
    """
    count = int(labels.max()) + 1
    if count < 2:
        return np.ones(count)
    deep = np.zeros((count, count))
    for one in range(count):
        for other in range(one):
            pair = (x[labels == one], x[labels == other])
            deep[one, other] = deep[other, one] = _valley(*pair)
    return deep.max(axis=1)


def _valley(one: np.ndarray, other: np.ndarray) -> float:
    from scipy.stats import gaussian_kde

    if min(len(one), len(other)) < 2:
        return 1.0
    parts = (np.cov(p.T).reshape(2 * p.shape[1:]) * len(p) for p in (one, other))
    wide = sum(parts) / (len(one) + len(other)) + 1e-6 * np.eye(one.shape[1])
    way = np.linalg.solve(wide, one.mean(axis=0) - other.mean(axis=0))
    here, there = one @ way, other @ way
    both = np.r_[here, there]
    if both.std() == 0:
        return 1.0
    ends = sorted([np.median(here), np.median(there)])
    height = gaussian_kde(both)(np.linspace(*ends, _STEPS))
    low = int(height.argmin())
    peak = min(height[: low + 1].max(), height[low:].max())
    return float(height[low] / peak)
