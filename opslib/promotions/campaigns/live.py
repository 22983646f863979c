"""This module owns a running campaign: how far it is, where it ends, what gave way.

Alerts come from running sums of bad days. The level that raises one is set so that
past days, replayed for the campaign's length in blocks of a week with all
series together, seldom raise any: the budget is for the whole campaign, not for a day.

Long because pace, cause and alert are read off the same daily series.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import stats

from opslib import checks
from opslib.promotions.campaigns.panel import campaign_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

PLANNED = ("sales", "clicks", "conversions", "spend")
TARGETS = {
    "sales": "target_sales",
    "clicks": "target_clicks",
    "conversions": "target_conversions",
    "spend": "cost",
}
RATES = {
    "click_rate": ("clicks", "impressions"),
    "order_rate": ("conversions", "clicks"),
    "click_cost": ("spend", "clicks"),
    "order_cost": ("spend", "conversions"),
}
WATCHED = {
    "click_rate": ("clicks", "impressions"),
    "order_rate": ("conversions", "clicks"),
    "click_cost": ("clicks", "spend"),
}
QUIET_DAYS, SLACK, REPLAYS, LEAST_DAYS = 182, 0.5, 2000, 3


@dataclass(frozen=True, kw_only=True)
class Live:
    """A campaign as it stands on a day.

    Attributes:
        campaign: The campaign.
        starts: Its first day.
        ends: Its last planned day.
        day: Last day known.
        daily: One row for each day so far: day, and each of `PLANNED`.
        plan: One row for each of `PLANNED` that was delivered: measure, target, so_far,
            due_by_now, share (so far, of the target), end, low, high (where it will end).
        confidence: Coverage of the ranges.
        weights: Share of the campaign that each of its days is expected to bring.
        owner: Department that owns it, as delivered.
        sales_by: `code` where sales lines carry the campaign's code; `places` where none
            does and all sales of its regions and categories count; empty where the
            plan names neither, and sales are not followed.
    """

    campaign: str
    starts: dt.date
    ends: dt.date
    day: dt.date
    daily: pd.DataFrame
    plan: pd.DataFrame
    confidence: float
    weights: np.ndarray
    owner: str
    sales_by: str = "code"


@dataclass(frozen=True, kw_only=True)
class Alerts:
    """What gave way, within a budget of false alarms.

    Attributes:
        raised: One row for each alert: series, region, since, seen (day raised),
            change (mean since, a share of the usual), still (whether it lasts).
        watched: Number of series watched.
        level: Running sum that raises an alert, in standard deviations.
        budget: Chance asked of any false alarm in the whole campaign.
        stretches: Past stretches of the same length, each watched with the days before it.
        false: Of these, how many raised an alert.
    """

    raised: pd.DataFrame
    watched: int
    level: float
    budget: float
    stretches: int
    false: int


def running(promotions: pd.DataFrame, *, day: dt.date, campaign: str = "") -> str:
    """Return the campaign asked for, or the newest that has started.

    Raises:
        ValueError: The campaign is unknown, or none has started.
    """
    if campaign:
        return str(campaign_rows(promotions, campaign)["promotion"].iloc[0])
    begun = promotions[pd.to_datetime(promotions["starts"]) <= pd.Timestamp(day)]
    if begun.empty:
        msg = f"no campaign has started on {day}; load promotions, or pass an earlier campaign"
        raise ValueError(msg)
    return str(begun.sort_values(["starts", "promotion"])["promotion"].iloc[-1])


def follow(
    sales: pd.DataFrame,
    promotions: pd.DataFrame,
    spend: pd.DataFrame,
    *,
    campaign: str,
    day: dt.date,
    confidence: float = 0.9,
) -> Live:
    """Return how far a campaign is against its own targets, and where it will end.

    The rest of the campaign is taken to go on at the mean of the days so far, weekday
    by weekday as in the half year before; the range holds the day-to-day scatter, what
    it leaves open of the mean, and that days resemble the days before them.

    Args:
        sales: Rows of `daily_sales`; those of the campaign count. Where no row carries
            its code, all rows of its regions and categories in its days do.
        promotions: Rows of `promotions`, with targets where there are any.
        spend: Rows of `marketing_spend`; those of the campaign count.
        campaign: The campaign, or empty for the newest that has started.
        day: Last day known.
        confidence: Coverage of the ranges.

    Raises:
        ValueError: The campaign is unknown, has run for less than three days, or
            neither its sales nor its spending can be told from the rest.
    """
    own = campaign_rows(promotions, running(promotions, day=day, campaign=campaign))
    return _follow(
        sales, own, spend, day=day, confidence=confidence, by=_sales_by(sales, own)
    )


def _sales_by(sales: pd.DataFrame, own: pd.DataFrame) -> str:
    """Return how a campaign's sales are known: `code`, `places`, or not at all (empty)."""
    if (sales["promotion"] == own["promotion"].iloc[0]).any():
        return "code"
    named = own[["region", "category"]].fillna("").ne("").any(axis=1)
    return "places" if named.all() else ""


def _own_sales(sales: pd.DataFrame, own: pd.DataFrame, by: str) -> pd.DataFrame:
    """Return a campaign's sales by its code, or of its regions and categories in its days."""
    if by == "code":
        return sales[sales["promotion"] == own["promotion"].iloc[0]]
    found, day = pd.Series(False, index=sales.index), pd.to_datetime(sales["day"])
    for row in own.itertuples() if by else ():
        here = day.between(pd.Timestamp(row.starts), pd.Timestamp(row.ends))
        for name in ("region", "category"):
            wanted = getattr(row, name)
            if isinstance(wanted, str) and wanted:
                here &= sales[name] == wanted
        found |= here
    return sales[found]


def _follow(
    sales: pd.DataFrame,
    own: pd.DataFrame,
    spend: pd.DataFrame,
    *,
    day: dt.date,
    confidence: float,
    by: str,
) -> Live:
    campaign = str(own["promotion"].iloc[0])
    starts, ends = (
        pd.Timestamp(x).date() for x in (own["starts"].min(), own["ends"].max())
    )
    last = min(day, ends)
    checks.at_least(
        (last - starts).days + 1,
        LEAST_DAYS,
        f"days of campaign {campaign!r}",
        "Look again in some days.",
    )
    days = pd.date_range(starts, last)
    mine = {
        "sales": _own_sales(sales, own, by).assign(sales=lambda t: t["amount"]),
        "spend": spend[spend["promotion"] == campaign],
    }
    if not by and mine["spend"].empty:
        msg = (
            f"nothing of campaign {campaign!r} can be followed: no sales line and no spending carries its code, and its plan "
            "names no region or category. Deliver the code with sales or spending, or name its places in the plan."
        )
        raise ValueError(msg)
    daily = pd.DataFrame(
        {
            m: mine["sales" if m == "sales" else "spend"]
            .groupby("day")[m]
            .sum()
            .reindex(days, fill_value=0.0)
            for m in PLANNED
        }
    )
    owner = (
        str(own["owner"].dropna().iloc[0])
        if "owner" in own and own["owner"].notna().any()
        else ""
    )
    weights = _weekdays(sales, own, pd.date_range(starts, ends))
    rows = []
    for measure in PLANNED:
        if not by if measure == "sales" else mine["spend"].empty:
            continue
        target = _target(own, measure)
        shares = (
            weights if measure == "sales" else np.full(len(weights), 1 / len(weights))
        )
        so_far, end, low, high = project(
            daily[measure].to_numpy(), shares, confidence=confidence
        )
        rows.append(
            {
                "measure": measure,
                "target": target,
                "so_far": so_far,
                "due_by_now": target * shares[: len(daily)].sum(),
                "share": so_far / target if target else float("nan"),
                "end": end,
                "low": low,
                "high": high,
            }
        )
    return Live(
        campaign=campaign,
        starts=starts,
        ends=ends,
        day=last,
        daily=daily.rename_axis("day").reset_index(),
        plan=pd.DataFrame(rows),
        confidence=confidence,
        weights=weights,
        owner=owner,
        sales_by=by,
    )


def _target(own: pd.DataFrame, measure: str) -> float:
    column = TARGETS[measure]
    return float(own[column].sum(min_count=1)) if column in own else float("nan")


def by_region(
    sales: pd.DataFrame, promotions: pd.DataFrame, spend: pd.DataFrame, live: Live
) -> pd.DataFrame:
    """Return the plan of each region of a campaign: region and the columns of `plan`.

    A region where it has run for less than three days has its targets, and NaN for
    all that is not known yet; `late` is true there.
    """
    parts = [pd.DataFrame(columns=[*live.plan.columns, "region", "late"])]
    for region, own in campaign_rows(promotions, live.campaign).groupby(
        "region", sort=True
    ):
        late = (live.day - pd.Timestamp(own["starts"].min()).date()).days + 1 < LEAST_DAYS  # fmt: skip
        if late:
            part = live.plan[["measure"]].assign(
                target=[_target(own, m) for m in live.plan["measure"]]
            )
        else:
            part = _follow(
                sales[sales["region"] == region],
                own,
                spend[spend["region"] == region],
                day=live.day,
                confidence=live.confidence,
                by=live.sales_by if live.sales_by == "code" else "places",
            ).plan
        parts.append(part.assign(region=region, late=late))
    return pd.concat([p for p in parts if len(p)] or parts, ignore_index=True)


def project(
    values: np.ndarray, shares: np.ndarray, *, confidence: float = 0.9
) -> tuple[float, float, float, float]:
    """Return a sum so far, where it will end, and the range of that.

    Args:
        values: One number for each day so far.
        shares: Share of the whole that each day is expected to bring, to the end.
        confidence: Coverage of the range.

    Example:
        >>> project(np.array([9.0, 11.0, 10.0]), np.full(3, 1 / 3))
        (30.0, 30.0, 30.0, 30.0)
    """
    n, so_far = len(values), float(values.sum())
    ratio, rest = values / shares[:n], shares[n:]
    scatter = float(ratio.std(ddof=1))
    alike = (
        float(np.clip(np.corrcoef(ratio[:-1], ratio[1:])[0, 1], 0, 0.8))
        if n > 6 and scatter > 0
        else 0.0
    )
    error = scatter * np.sqrt(
        ((rest**2).sum() + rest.sum() ** 2 / n) * (1 + alike) / (1 - alike)
    )
    half = float(stats.t.ppf((1 + confidence) / 2, n - 1) * error)
    end = so_far + float(ratio.mean() * rest.sum())
    return so_far, end, max(so_far, end - half), end + half


def past_ends(
    sales: pd.DataFrame, promotions: pd.DataFrame, spend: pd.DataFrame, live: Live
) -> pd.DataFrame:
    """Return where earlier campaigns were said to end, seen from as far into them.

    Args:
        sales: Rows of `daily_sales`.
        promotions: Rows of `promotions`; campaigns over by the day of `live` count.
        spend: Rows of `marketing_spend`.
        live: What `follow` returned.

    Returns:
        campaign, measure, end, low, high, actual, miss (distance in halves of the
        range), held (within the range, widened as the other campaigns would have it).
    """
    passed, confidence = len(live.daily) / len(live.weights), live.confidence
    over = promotions[pd.to_datetime(promotions["ends"]) <= pd.Timestamp(live.day)]
    parts = []
    for campaign, own in over.groupby("promotion", sort=False):
        starts, ends = (
            pd.Timestamp(own["starts"].min()),
            pd.Timestamp(own["ends"].max()),
        )
        seen = (
            starts
            + pd.Timedelta(days=max(3, round(passed * ((ends - starts).days + 1))) - 1)
        ).date()
        if seen >= ends.date() or campaign == live.campaign:
            continue
        told = follow(
            sales,
            promotions,
            spend,
            campaign=str(campaign),
            day=seen,
            confidence=confidence,
        ).plan
        facts = follow(
            sales, promotions, spend, campaign=str(campaign), day=ends.date()
        ).plan
        parts.append(told.assign(campaign=campaign, actual=facts["so_far"]))
    names = ["campaign", "measure", "end", "low", "high", "actual"]
    found = (
        pd.concat(parts, ignore_index=True)[names]
        if parts
        else pd.DataFrame(columns=names)
    )
    found = found[found["actual"] > 0].reset_index(drop=True)
    miss = (found["actual"] - found["end"]).abs() / (found["high"] - found["end"]).clip(
        lower=1e-9
    )
    others = [
        miss[(found["measure"] == m) & (found.index != i)]
        for i, m in enumerate(found["measure"])
    ]
    return found.assign(
        miss=miss,
        held=[x <= _factor(o, confidence) for x, o in zip(miss, others, strict=True)],
    )


def widened(live: Live, past: pd.DataFrame) -> Live:
    """Return a campaign whose ranges are as wide as earlier campaigns needed them."""
    plan = live.plan.set_index("measure")
    factor = pd.Series(
        {
            m: _factor(past.loc[past["measure"] == m, "miss"], live.confidence)
            for m in plan.index
        }
    )
    half = (plan["high"] - plan["end"]) * factor
    plan = plan.assign(
        low=(plan["end"] - half).clip(lower=plan["so_far"]), high=plan["end"] + half
    )
    return replace(live, plan=plan.reset_index())


def _factor(miss: pd.Series, confidence: float) -> float:
    """Return by how much ranges must be wider (never narrower); 1 on few campaigns."""
    rank = min(len(miss), int(np.ceil((len(miss) + 1) * confidence)))
    return max(1.0, float(np.sort(miss)[rank - 1])) if len(miss) >= 5 else 1.0


def rates(
    spend: pd.DataFrame,
    *,
    campaign: str,
    by: Sequence[str] = ("region", "channel"),
    confidence: float = 0.9,
    promotions: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return a campaign's rates by region and channel, with ranges.

    The range is of a ratio of daily sums: days, not clicks, are what varies. With the
    campaign's plan, rows of the whole campaign and of each region stand before their
    parts (the finer columns of `by` are empty there), beside the targets that follow
    from the plan: cost by clicks, cost by orders, orders by clicks. Clicks per view
    have none, for no plan holds views.

    Args:
        spend: Rows of `marketing_spend`.
        campaign: The campaign.
        by: Columns to part by, coarsest first.
        confidence: Coverage of the ranges.
        promotions: Rows of `promotions`, or None for the finest rows only.

    Returns:
        The columns of `by`, impressions, clicks, conversions, spend, and for each of
        click_rate, order_rate, click_cost and order_cost the value, `_low` and `_high`;
        with a plan also order_rate_target, click_cost_target and order_cost_target.
    """
    own, rows = spend[spend["promotion"] == campaign], []
    for depth in range(len(by) if promotions is None else 0, len(by) + 1):
        names = list(by[:depth])
        for key, part in own.groupby(names, sort=True) if names else [((), own)]:
            if part.empty:
                continue
            at = dict(zip(names, key, strict=True))
            daily = part.groupby("day")[
                ["impressions", "clicks", "conversions", "spend"]
            ].sum()
            row = dict.fromkeys(by, "") | at | daily.sum().to_dict()
            for name, (top, bottom) in RATES.items():
                row[name], row[f"{name}_low"], row[f"{name}_high"] = _ratio(
                    daily[top].to_numpy(float),
                    daily[bottom].to_numpy(float),
                    confidence,
                )
            if promotions is not None and set(names) <= {"region"}:
                row |= _rate_targets(campaign_rows(promotions, campaign), at)
            rows.append(row)
    return pd.DataFrame(rows).sort_values(list(by), ignore_index=True) if rows else pd.DataFrame()  # fmt: skip


def _rate_targets(own: pd.DataFrame, at: dict[str, str]) -> dict[str, float]:
    """Return the targets of rates that follow from those of sums, for one region or all."""
    for name, wanted in at.items():
        own = own[own[name] == wanted]
    cost, clicks, orders = (
        _target(own, m) or float("nan") for m in ("spend", "clicks", "conversions")
    )
    return {
        "order_rate_target": orders / clicks,
        "click_cost_target": cost / clicks,
        "order_cost_target": cost / orders,
    }


def alerts(
    sales: pd.DataFrame,
    promotions: pd.DataFrame,
    spend: pd.DataFrame,
    cases: pd.DataFrame,
    *,
    live: Live,
    budget: float = 0.05,
) -> Alerts:
    """Return what gave way in a campaign, within a budget of false alarms.

    Watched in each of its regions: clicks per view, orders per click and cost of a
    click in its channels, and sales of its category beside all other sales; and all
    complaints. Usual is the half year before the start.

    Args:
        sales: Rows of `daily_sales`.
        promotions: Rows of `promotions`.
        spend: Rows of `marketing_spend`.
        cases: Rows of `service_cases`.
        live: What `follow` returned.
        budget: Chance of any false alarm in the whole campaign, all series together.

    Raises:
        ValueError: The budget is no share, or fewer than 56 quiet days lie before.
    """
    checks.between(budget, "budget", low=0.001, high=0.5)
    own = campaign_rows(promotions, live.campaign)
    first = pd.Timestamp(live.starts)
    length = (live.ends - live.starts).days + 1
    counts, bases = _counted(
        sales,
        own,
        spend,
        cases,
        pd.date_range(first - pd.Timedelta(days=4 * QUIET_DAYS), live.day),
    )
    quiet = int((counts.index < first).sum())
    checks.at_least(quiet, 56, "days before the campaign", "Load earlier days.")
    found, level = _watch(counts, bases, quiet, length, budget)
    past = [
        _watch(counts[: at + length], bases[: at + length], at, length, budget)
        for at in range(quiet - length, min(QUIET_DAYS, quiet) - 1, -length)
    ]
    sums = _sums(found.to_numpy())
    rows = []
    for at in np.flatnonzero((sums > level).any(axis=0)):
        key, hit = found.columns[at], int(np.argmax(sums[:, at] > level))
        calm = np.flatnonzero(sums[: hit + 1, at] <= 0)
        days = found.index[int(calm[-1] + 1) if len(calm) else 0 :]
        before = counts.index[max(0, quiet - QUIET_DAYS) : quiet]
        usual = counts.loc[before, key].sum() / bases.loc[before, key].sum()
        change = float(
            counts.loc[days, key].sum() / (usual * bases.loc[days, key].sum())
        )
        rows.append(
            {
                "series": key[0],
                "region": key[1],
                "since": days[0].date(),
                "seen": found.index[hit].date(),
                "change": (1 / max(change, 1e-9) if key[0] == "click_cost" else change)
                - 1,
                "still": bool(sums[-1, at] > level),
            }
        )
    raised = pd.DataFrame(
        rows, columns=["series", "region", "since", "seen", "change", "still"]
    )
    false = sum(
        bool((_sums(scores.to_numpy()) > bound).any()) for scores, bound in past
    )
    return Alerts(
        raised=raised,
        watched=found.shape[1],
        level=level,
        budget=budget,
        stretches=len(past),
        false=false,
    )


def voices(
    cases: pd.DataFrame,
    *,
    campaign: str,
    day: dt.date,
    answer_days: int = 2,
    solve_days: int = 7,
) -> pd.DataFrame:
    """Return inquiries and complaints of a campaign, with how long each has waited.

    Args:
        cases: Rows of `service_cases`.
        campaign: The campaign.
        day: Today, also where the campaign is over; cases opened later do not count.
        answer_days: Days within which a case should be answered.
        solve_days: Days within which a case should be solved.

    Returns:
        case, kind, reason, owner, opened, open (not resolved, or reopened since),
        waits (days since it was opened, to its end or to today), late (an answer or a
        solution that took, or takes, longer than allowed).
    """
    today = pd.Timestamp(day)
    known = pd.to_datetime(cases["opened"]) <= today
    own = cases[(cases["promotion"] == campaign) & known].copy()
    resolved = pd.to_datetime(own["resolved"])
    again = pd.to_datetime(own["reopened"]).gt(resolved.fillna(pd.Timestamp.max))
    own["open"] = resolved.isna() | again
    opened = pd.to_datetime(own["opened"])
    own["waits"] = (resolved.where(~own["open"], today) - opened).dt.days
    answered = (pd.to_datetime(own["answered"]).fillna(today) - opened).dt.days
    own["late"] = (answered > answer_days) | (own["waits"] > solve_days)
    return own[
        ["case", "kind", "reason", "owner", "opened", "open", "waits", "late"]
    ].sort_values(["open", "waits"], ascending=False, ignore_index=True)


def score_kept(
    kept: pd.DataFrame, sales: pd.DataFrame, *, day: dt.date
) -> pd.DataFrame:
    """Return sales ends that earlier runs foretold and that are known now, with `held`.

    Campaigns whose code no sales line carries are left out: their fact is not known.

    Args:
        kept: What the desk's `record` gives for `campaign_sales`.
        sales: Rows of `daily_sales`.
        day: Last day known.
    """
    levels = sorted((c for c in kept if c.startswith("q")), key=lambda c: float(c[1:]))
    total = sales.groupby("promotion")["amount"].sum()
    due = (
        kept[
            (pd.to_datetime(kept["due"]) <= pd.Timestamp(day))
            & kept["campaign"].isin(total.index)
        ]
        if len(kept)
        else kept
    )
    facts = due["campaign"].map(total) if len(due) else []
    return (
        due.assign(held=facts.between(due[levels[0]], due[levels[-1]]))
        if len(due)
        else pd.DataFrame(columns=["held"])
    )


def _weekdays(
    sales: pd.DataFrame, own: pd.DataFrame, days: pd.DatetimeIndex
) -> np.ndarray:
    """Return each day's expected share, by weekday of the half year before."""
    when = pd.to_datetime(sales["day"])
    past = sales[
        sales["category"].isin(own["category"])
        & (when < days[0])
        & (when >= days[0] - pd.Timedelta(days=QUIET_DAYS))
    ]
    by = (
        past.groupby(pd.to_datetime(past["day"]).dt.dayofweek)["amount"]
        .sum()
        .reindex(range(7), fill_value=0.0)
    )
    weights = by.to_numpy()[days.dayofweek] + 1e-9
    return weights / weights.sum()


def _ratio(
    top: np.ndarray, bottom: np.ndarray, confidence: float
) -> tuple[float, float, float]:
    n, whole = len(top), float(bottom.sum())
    if n < 3 or whole <= 0:
        return (float("nan"),) * 3
    value = float(top.sum()) / whole
    error = float(np.sqrt(n / (n - 1) * ((top - value * bottom) ** 2).sum())) / whole
    half = stats.t.ppf((1 + confidence) / 2, n - 1) * error
    return value, max(0.0, value - half), value + half


def _counted(
    sales: pd.DataFrame,
    own: pd.DataFrame,
    spend: pd.DataFrame,
    cases: pd.DataFrame,
    days: pd.DatetimeIndex,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return, for each day and (series, region), a count and what it should grow with."""
    counts, bases = {}, {}
    channels = spend.loc[
        spend["promotion"] == own["promotion"].iloc[0], "channel"
    ].unique()
    money = spend[spend["channel"].isin(channels)]
    for region in sorted(own["region"].unique()):
        daily = (
            money[money["region"] == region]
            .groupby("day")[["spend", "impressions", "clicks", "conversions"]]
            .sum()
        )
        for name, (count, base) in WATCHED.items():
            counts[(name, region)], bases[(name, region)] = daily[count], daily[base]
        here, mine = sales["region"] == region, sales["category"].isin(own["category"])
        counts[("sales", region)], bases[("sales", region)] = (
            sales[here & m].groupby("day")["units"].sum() for m in (mine, ~mine)
        )
    counts[("complaints", "")] = (
        cases[cases["kind"] == "complaint"].groupby("opened").size()
    )
    bases[("complaints", "")] = pd.Series(1.0, index=days)
    first = max(days[0], pd.Timestamp(pd.to_datetime(sales["day"]).min()))
    return tuple(
        pd.DataFrame(
            {k: v.reindex(days[days >= first]).fillna(0.0) for k, v in part.items()}
        )
        for part in (counts, bases)
    )


def _watch(
    counts: pd.DataFrame, bases: pd.DataFrame, quiet: int, length: int, budget: float
) -> tuple[pd.DataFrame, float]:
    """Return how bad each day from row `quiet` on was, and the level that raises an alert."""
    past = slice(max(0, quiet - QUIET_DAYS), quiet)
    expected = bases * (counts[past].sum() / bases[past].sum())
    score = (expected - counts) / np.sqrt(expected.where(expected > 0))
    score[[c for c in score if c[0] == "complaints"]] *= -1
    score = score.loc[:, (counts[past].sum() > 0) & (score[past].std() > 0)].fillna(0.0)
    score = (score - score[past].mean()) / score[past].std()
    return score[quiet:], _level(score[past].to_numpy(), length, budget)


def _sums(scores: np.ndarray) -> np.ndarray:
    """Return running sums of scores beyond the slack, never below zero, day by series."""
    sums, now = np.zeros_like(scores), np.zeros(scores.shape[1:])
    for at, row in enumerate(scores):
        now = np.maximum(0.0, now + np.clip(row, -4, 4) - SLACK)
        sums[at] = now
    return sums


def _level(scores: np.ndarray, length: int, budget: float) -> float:
    """Return the level that replayed campaigns pass with a chance of the budget."""
    draw = np.random.default_rng(1)
    blocks = -(-length // 7)
    starts = draw.integers(0, len(scores) - 6, (REPLAYS, blocks))
    at = (starts[:, :, None] + np.arange(7)).reshape(REPLAYS, -1)[:, :length]
    replayed = np.moveaxis(scores[at], 1, 0)
    return (
        float(np.quantile(_sums(replayed).max(axis=(0, 2)), 1 - budget))
        if scores.size
        else float("inf")
    )
