"""This module owns the Gamma-Gamma model of what customers spend at a purchase.

Fader, Hardie (2013): one purchase is Gamma(p, v), v differs between customers as
Gamma(q, gamma), and how much is spent has nothing to do with how often.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import optimize, special

from opslib import checks

LEAST_CUSTOMERS = 20


@dataclass(frozen=True, kw_only=True)
class Spending:
    """A fitted model of the amount of one purchase.

    Attributes:
        p: Shape of one purchase around the customer's own mean.
        q: Shape of the differences between customers.
        gamma: Scale of the differences, in money.
        log_likelihood: At these values.
        customers: Customers with a repeat purchase that it was fitted on.
        correlation: Of frequency and mean amount; the model assumes about 0.
    """

    p: float
    q: float
    gamma: float
    log_likelihood: float
    customers: int
    correlation: float


def fit_spending(told: pd.DataFrame) -> Spending:
    """Return the spending model of largest likelihood.

    Args:
        told: frequency (repeat purchases) and value (mean amount of one, in money);
            customers without a repeat purchase or value are left out.

    Example:
        >>> told = pd.DataFrame({"frequency": [1, 2, 3, 4] * 9,
        ...     "value": [10.0, 30.0, 20.0, 45.0] * 9})
        >>> fit_spending(told).customers
        36
    """
    checks.columns(told, ["frequency", "value"], "histories")
    seen = told[(told["frequency"] > 0) & (told["value"] > 0)]
    need = "Use the mean amount of all purchases instead."
    checks.at_least(len(seen), LEAST_CUSTOMERS, "customers who bought again", need)
    x = seen["frequency"].to_numpy(dtype=float)
    mean = seen["value"].to_numpy(dtype=float)
    unit = float(np.median(mean))

    def loss(point: np.ndarray) -> float:
        worth = -_log_likelihood(np.exp(np.clip(point, -9, 9)), x, mean / unit).mean()
        return float(worth) if np.isfinite(worth) else 1e10

    best = optimize.minimize(
        loss, np.array([1.0, 1.0, 0.5]), method="L-BFGS-B",
        options={"maxiter": 400, "ftol": 1e-13, "gtol": 1e-8, "eps": 1e-7},
    )  # fmt: skip
    p, q, gamma = np.exp(np.clip(best.x, -9, 9)).tolist()
    total = float(-best.fun * len(x) - len(x) * np.log(unit))
    same = np.std(x) == 0 or np.std(mean) == 0
    return Spending(
        p=p, q=q, gamma=gamma * unit, log_likelihood=total, customers=len(x),
        correlation=0.0 if same else float(np.corrcoef(x, mean)[0, 1]),
    )  # fmt: skip


def expected_amount(model: Spending, told: pd.DataFrame) -> np.ndarray:
    """Return the expected amount of each customer's next purchase, in money.

    Customers who never bought again get the mean of all, the others a mean between
    that and their own.
    """
    x = told["frequency"].to_numpy(dtype=float)
    sum_seen = x * told["value"].to_numpy(dtype=float)
    q = max(model.q, 1.0 + 1e-3)
    return model.p * (model.gamma + sum_seen) / (model.p * x + q - 1)


def amount_draws(
    model: Spending, told: pd.DataFrame, purchases: np.ndarray, *, seed: int = 0
) -> np.ndarray:
    """Return the drawn amount of drawn purchases: customer, draw, in money.

    Args:
        model: What `fit_spending` returned.
        told: frequency and value of each customer.
        purchases: Drawn purchases: customer, draw.
        seed: Seed of the draws.
    """
    random = np.random.default_rng(seed)
    x = told["frequency"].to_numpy(dtype=float)[:, None]
    seen = x * told["value"].to_numpy(dtype=float)[:, None]
    v = random.gamma(model.q + model.p * x, 1.0, purchases.shape)
    v = v / (model.gamma + seen)
    spent = random.gamma(np.maximum(model.p * purchases, 1e-9))
    return np.where(purchases > 0, spent / np.maximum(v, 1e-12), 0.0)


def _log_likelihood(point: np.ndarray, x: np.ndarray, mean: np.ndarray) -> np.ndarray:
    p, q, gamma = point
    return (
        special.gammaln(p * x + q)
        - special.gammaln(p * x)
        - special.gammaln(q)
        + q * np.log(gamma)
        + (p * x - 1) * np.log(mean)
        + p * x * np.log(x)
        - (p * x + q) * np.log(gamma + x * mean)
    )
