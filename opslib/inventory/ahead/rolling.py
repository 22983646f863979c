"""This module owns the choice of method: rolling origins on the user's own past."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from opslib.inventory.ahead import forecast
from opslib.inventory.ahead.cluster import by_rows
from opslib.inventory.ahead.totals import with_totals
from opslib.inventory.demand import Panel

LEVELS = np.arange(1, 10) / 10
QUICK = (
    "last week",
    "last year",
    "zero",
    "13-week mean",
    "levels",
    "smoothing",
    "Croston",
    "TSB",
    "ADIDA",
    "IMAPA",
)
ALL = (*QUICK, "ETS", "theta", "CES", "combination")
GLOBAL = ("boosted trees", "combination")
DRIFT = 0.25
DRIFTS = (0.15, 0.25, 0.4, 0.6, 0.8)
_SPORADIC = 0.5


@dataclass(frozen=True, kw_only=True)
class Backtest:
    """How well each method would have done.

    Attributes:
        scores: method, kind of series, part (`choice` or `proof`), loss (quantile loss
            over units sold), bias, covered (share inside the 80 % range), error.
            The method `ours` is the chosen ones with their own drift.
        chosen: Kind of series to the method chosen on the choice origins.
        drift: Kind of series to how far a level drifts, in the range that scored best
            on the choice origins.
        totals: gap and actual of `ours` summed over rows, by origin.
        origins: Weeks at which forecasts were made.
        ahead: Weeks summed.
        agreed: Whether items moved towards forecasts of their sums came nearer to the
            sums on the choice origins; then `foretell` moves them.
    """

    scores: pd.DataFrame
    chosen: dict[str, str]
    drift: dict[str, float]
    totals: pd.DataFrame
    origins: tuple[pd.Timestamp, ...]
    ahead: int
    agreed: bool = False


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """Coming demand as possible paths.

    Attributes:
        keys: item and place of each row.
        weeks: Coming weeks.
        mean: Expected units, rows by weeks.
        paths: Possible units: rows, draws, weeks.
        method: Method used for each row.
    """

    keys: pd.DataFrame
    weeks: pd.DatetimeIndex
    mean: np.ndarray
    paths: np.ndarray
    method: np.ndarray


def quantile_loss(
    actual: np.ndarray, quantiles: np.ndarray, levels: np.ndarray = LEVELS
) -> np.ndarray:
    """Return twice the pinball loss, mean over levels, for each row.

    Args:
        actual: What happened, by row.
        quantiles: Foretold, rows by levels.
        levels: Probabilities of the quantiles.

    Example:
        >>> quantile_loss(np.array([4.0]), np.array([[2.0]]), np.array([0.5])).tolist()
        [2.0]
    """
    gap = actual[:, None] - quantiles
    return 2 * np.maximum(levels * gap, (levels - 1) * gap).mean(axis=1)


def kinds(units: np.ndarray) -> np.ndarray:
    """Return `steady` or `sporadic` for each row, by its last year's weeks with sales."""
    recent = units[:, -52:]
    share = np.nansum(recent > 0, axis=1) / np.maximum(
        1, (~np.isnan(recent)).sum(axis=1)
    )
    return np.where(share >= _SPORADIC, "steady", "sporadic")


def backtest(
    panel: Panel, *, ahead: int = 4, origins: int = 4, methods: tuple[str, ...] = ALL,
    sample: int = 150, seed: int = 1,
) -> Backtest:  # fmt: skip
    """Judge methods on past weeks; the newest origin is kept out of the choice.

    Args:
        panel: Clean demand.
        ahead: Weeks whose sum is foretold.
        origins: Points in the past, `ahead` weeks apart.
        methods: Names in `forecast.METHODS`.
        sample: Rows used, drawn at random where there are more.
        seed: Seed of the draws.

    Raises:
        ValueError: The history is too short for the origins wanted.
    """
    need = 26 + ahead * origins
    if len(panel.weeks) < need:
        msg = (
            f"the history has {len(panel.weeks)} weeks; {origins} tests of {ahead} weeks "
            f"need {need}. Load earlier weeks or ask for fewer tests"
        )
        raise ValueError(msg)
    rows = np.arange(len(panel.units))
    if len(rows) > sample:
        rows = np.sort(np.random.default_rng(seed).choice(rows, sample, replace=False))
    cuts = [len(panel.weeks) - back * ahead for back in range(origins, 0, -1)]
    told = [_told(panel, rows, cut, ahead, methods) for cut in cuts]
    parts = [
        _scored(one, one.means[name], DRIFT, seed).assign(method=name, cut=one.cut)
        for one in told
        for name in methods
    ]
    chosen = _choose(_summed_up(pd.concat(parts, ignore_index=True), cuts[-1]))
    drift = _drifts(told[:-1] or told, chosen, seed)
    for one in told:
        mean, spread = _of_kind(one, chosen), _by_kind(one.kind, drift)
        parts.append(
            _scored(one, mean, spread, seed).assign(method="ours", cut=one.cut)
        )
    table = pd.concat(parts, ignore_index=True)
    return Backtest(
        scores=_summed_up(table, cuts[-1]),
        chosen=chosen,
        drift=drift,
        totals=table[table["method"] == "ours"].groupby("cut")[["gap", "actual"]].sum(),
        origins=tuple(panel.weeks[cut - 1] for cut in cuts),
        ahead=ahead,
        agreed=_sums_help(panel, ahead, origins),
    )


def combined(test: Backtest, part: str = "proof") -> pd.DataFrame:
    """Return each method's scores over all kinds, and those of `ours`, the chosen ones."""
    both = test.scores[test.scores["part"] == part]
    weight = both["actual"]
    summed = both.assign(
        loss=both["loss"] * weight, bias=both["bias"] * weight, error=both["error"] * weight,
        covered=both["covered"] * both["rows"],
    ).groupby("method")[["loss", "bias", "error", "covered", "actual", "rows"]].sum()  # fmt: skip
    return pd.DataFrame(
        {
            "loss": summed["loss"] / summed["actual"],
            "bias": summed["bias"] / summed["actual"],
            "error": summed["error"] / summed["actual"],
            "covered": summed["covered"] / summed["rows"],
        }
    ).sort_values("loss")


def total_error(test: Backtest) -> float:
    """Return the relative error of the sum over all rows, as the origins showed it.

    Errors of items share causes, so a sum is less certain than independent items are.
    """
    ratio = test.totals["gap"] / test.totals["actual"].clip(lower=1e-9)
    return float(np.sqrt((ratio**2).mean() + 0.02**2))


def foretell(
    panel: Panel, test: Backtest, *, weeks: int, draws: int = 200, seed: int = 1,
    cluster: str = "",
) -> Forecast:  # fmt: skip
    """Return coming demand by the chosen methods.

    Args:
        panel: Clean demand.
        test: The back-test that chose.
        weeks: Weeks ahead.
        draws: Paths for each row.
        seed: Seed of the paths.
        cluster: Address of a Dask cluster that shares the items, as in `by_rows`; the
            trees learn from all items at once and stay here.
    """
    units = panel.best_known()
    season = forecast.season_index(units, panel.weeks, weeks)
    kind = kinds(units)
    drift = _by_kind(kind, test.drift)
    mean = np.zeros((len(units), weeks))
    method = np.array([test.chosen[k] for k in kind], dtype=object)
    for name in set(method):
        pick = np.flatnonzero(method == name)
        work, own = forecast.METHODS[name], units[pick]
        mean[pick] = (
            work(own, season, weeks, **_plans(panel, pick))
            if name in GLOBAL
            else by_rows(work, own, season, weeks, cluster=cluster)
        )
    level = forecast.dispersion_of(units, season)
    if test.agreed:
        mean = with_totals(
            panel, mean, level[:, None] * mean + (drift[:, None] * mean) ** 2
        )
    paths = forecast.spread(mean, dispersion=level, drift=drift, draws=draws, seed=seed)
    coming = pd.date_range(
        panel.weeks[-1] + pd.Timedelta(days=7), periods=weeks, freq="7D"
    )
    return Forecast(
        keys=panel.keys, weeks=coming, mean=mean, paths=paths, method=method
    )


def drift_of(panel: Panel, test: Backtest) -> np.ndarray:
    """Return how far each row's level drifts, as its kind did in the back-test."""
    return _by_kind(kinds(panel.best_known()), test.drift)


@dataclass(frozen=True, kw_only=True)
class _Origin:
    """What was foretold from one point in the past, and what came.

    Attributes:
        cut: Weeks known then.
        kind: Kind of each row.
        level: Dispersion of each row.
        total: Units that came, summed.
        means: Method to what it foretold.
    """

    cut: int
    kind: np.ndarray
    level: np.ndarray
    total: np.ndarray
    means: dict[str, np.ndarray]


def _told(
    panel: Panel, rows: np.ndarray, cut: int, ahead: int, methods: tuple[str, ...]
) -> _Origin:
    """Forecast from one origin with what was known then."""
    best = panel.best_known()[:, :cut]
    past, actual = best[rows], panel.units[rows, cut : cut + ahead]
    season = forecast.season_index(best, panel.weeks[:cut], ahead)
    good = ~np.isnan(actual).any(axis=1) & (~np.isnan(past)).any(axis=1)
    past = past[good]
    means = {}
    for name in methods:
        more = _plans(panel, rows[good]) if name in GLOBAL else {}
        means[name] = forecast.METHODS[name](past, season, ahead, **more)
    return _Origin(
        cut=cut, kind=kinds(past), level=forecast.dispersion_of(past, season),
        total=actual[good].sum(axis=1), means=means,
    )  # fmt: skip


def _plans(panel: Panel, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Return what a model of all items is told of plans, where there are any."""
    return {} if panel.known is None else {"known": panel.known[:, rows]}


def _scored(
    one: _Origin, mean: np.ndarray, drift: float | np.ndarray, seed: int
) -> pd.DataFrame:
    """Score the sum ahead, row by row."""
    paths = forecast.spread(
        mean, dispersion=one.level, drift=drift, draws=200, seed=seed
    )
    sums = paths.sum(axis=2)
    return pd.DataFrame(
        {
            "kind": one.kind,
            "loss": quantile_loss(one.total, np.quantile(sums, LEVELS, axis=1).T),
            "gap": mean.sum(axis=1) - one.total,
            "error": np.abs(np.median(sums, axis=1) - one.total),
            "covered": _covered(one.total, sums),
            "actual": one.total,
        }
    )


def _summed_up(table: pd.DataFrame, newest: int) -> pd.DataFrame:
    """Return scores by method, kind and part; the newest origin is the proof."""
    table = table.assign(part=np.where(table["cut"] == newest, "proof", "choice"))
    scores = table.groupby(["method", "kind", "part"], as_index=False).agg(
        loss=("loss", "sum"), gap=("gap", "sum"), covered=("covered", "mean"),
        error=("error", "sum"), actual=("actual", "sum"), rows=("loss", "size"),
    )  # fmt: skip
    whole = scores["actual"].clip(lower=1e-9)
    return scores.assign(
        loss=scores["loss"] / whole,
        bias=scores["gap"] / whole,
        error=scores["error"] / whole,
    ).drop(columns="gap")


def _of_kind(one: _Origin, chosen: dict[str, str]) -> np.ndarray:
    """Return the means of the method chosen for each row's kind."""
    steady = (one.kind == "steady")[:, None]
    return np.where(steady, one.means[chosen["steady"]], one.means[chosen["sporadic"]])


def _by_kind(kind: np.ndarray, value: dict[str, float]) -> np.ndarray:
    return np.where(kind == "steady", value["steady"], value["sporadic"])


def _drifts(told: list[_Origin], chosen: dict[str, str], seed: int) -> dict[str, float]:
    """Return the drift of each kind whose ranges scored best on the choice origins."""
    losses = pd.concat(
        [
            _scored(one, _of_kind(one, chosen), drift, seed).assign(drift=drift)
            for one in told
            for drift in DRIFTS
        ]
    )
    by = losses.pivot_table(index="kind", columns="drift", values="loss", aggfunc="sum")
    best = by.idxmin(axis=1).to_dict()
    return {kind: float(best.get(kind, DRIFT)) for kind in ("steady", "sporadic")}


def _sums_help(panel: Panel, ahead: int, origins: int) -> bool:
    """Return whether moved items foretold each place's sum better on choice origins."""
    places = pd.factorize(panel.keys["place"])[0]
    sums = (places[None, :] == np.unique(places)[:, None]).astype(float)
    missed, best = np.zeros(2), panel.best_known()
    for back in range(origins, 1, -1):
        cut = len(panel.weeks) - back * ahead
        past = replace(panel, units=best[:, :cut], weeks=panel.weeks[:cut], floor=None)
        season = forecast.season_index(past.units, past.weeks, ahead)
        mean = forecast.levels(past.units, season, ahead)
        spread = forecast.dispersion_of(past.units, season)
        moved = with_totals(past, mean, spread[:, None] * mean + (DRIFT * mean) ** 2)
        coming = panel.units[:, cut : cut + ahead]
        known = ~np.isnan(coming)
        fact = sums @ np.nan_to_num(coming).sum(axis=1)
        told = [sums @ (m * known).sum(axis=1) for m in (mean, moved)]
        missed += [np.abs(t - fact).sum() for t in told]
    return bool(missed[1] < missed[0])


def _covered(actual: np.ndarray, sums: np.ndarray) -> np.ndarray:
    """Return the chance that a fair 80 % range of counts holds what happened.

    Counts tie with the ends of the range; the share of probability that the range
    holds beyond 80 % is taken off, so that a right forecast scores 80 %.
    """
    below = (sums < actual[:, None]).mean(axis=1)
    upto = (sums <= actual[:, None]).mean(axis=1)
    place = below + 0.5 * (upto - below)
    return ((place > 0.1) & (place < 0.9)).astype(float)


def _choose(scores: pd.DataFrame) -> dict[str, str]:
    known = scores[(scores["part"] == "choice") & (scores["method"] != "zero")]
    best = known.sort_values("loss").groupby("kind")["method"].first().to_dict()
    fallback = best.get("steady") or best.get("sporadic") or "13-week mean"
    return {kind: best.get(kind, fallback) for kind in ("steady", "sporadic")}
