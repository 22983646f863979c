"""This module owns the promotions room's findings and tables on mix and journeys.

Long because a page's every sentence is written here and nowhere else.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from opslib import words
from opslib.findings import Action, Check, Finding, Prediction, Quantity, Table
from opslib.findings import heading as _head
from opslib.promotions.mix.doubt import FORM_SPREAD
from opslib.promotions.mix.recovery import verdicts
from opslib.words import Text, catalogue

if TYPE_CHECKING:
    from opslib.promotions.journeys import Credit
    from opslib.promotions.mix.curve import ResponseCurve
    from opslib.promotions.mix.engine import Mix
    from opslib.promotions.mix.split import Split

say = catalogue(__package__ or "opslib.promotions")
QUARTER, YEAR = 13, 52
SURE = 0.9
LEAST_MOVE = 0.02
LEAST_PURCHASES = 200


def channel_returns(
    mix: Mix, curve: ResponseCurve, tested: pd.DataFrame
) -> pd.DataFrame:
    """Return what each channel returned and what the next unit of money would return.

    Returns:
        One row a channel: `channel`, weekly `spend`, `added` with `low` and `high` (90 %),
        `back` (added sales for one spent), `next` with `next_low`, `next_high`, `told`.
    """
    rows, told = [], verdicts(tested).set_index("channel")["told"]
    for c, name in enumerate(curve.channels):
        now = float(curve.now[c])
        added, more = curve.at(c, now), curve.next_euro(c, now)
        rows.append(
            {
                "channel": name,
                "spend": now,
                "added": added.mean(),
                "low": np.quantile(added, 0.05),
                "high": np.quantile(added, 0.95),
                "back": added.mean() / now if now else np.nan,
                "next": more.mean(),
                "next_low": np.quantile(more, 0.05),
                "next_high": np.quantile(more, 0.95),
                "told": bool(told[name]),
            }
        )
    rows += [
        {"channel": n, "spend": w[-YEAR:].mean(), "told": False, "captures": True}
        for n, w in mix.panel.captured.items()
    ]
    return pd.DataFrame(rows)


def mix(
    fitted: Mix,
    curve: ResponseCurve,
    split: Split,
    tested: pd.DataFrame,
    *,
    margin: float,
    day: dt.date,
    currency: str,
) -> Finding:
    """Return the finding on the channel mix, or that this data cannot answer.

    Args:
        fitted: The fitted mix.
        curve: Its response curve.
        split: The proposed split.
        tested: What `self_test` returned.
        margin: Share of sales left after the cost of goods.
        day: Day of the data.
        currency: Currency code.
    """
    cash = lambda x: words.money(float(x), currency)  # noqa: E731
    told, added = verdicts(tested), YEAR * curve.total(curve.now)
    low, high = np.quantile(added, [0.05, 0.95])
    known = bool((told["told"].to_numpy() * curve.now).sum() >= 0.5 * curve.now.sum())
    gain = np.quantile(split.gain, [0.05, 0.95])
    said = {
        "added": cash(added.mean()),
        "low": cash(low),
        "high": cash(high),
        "spend": cash(YEAR * curve.now.sum()),
        "net": cash(margin * added.mean()),
        "gain": cash(split.gain.mean()),
        "glow": cash(gain[0]),
        "ghigh": cash(gain[1]),
        "missed": words.number(int((~told["told"]).sum())),
        "count": words.number(len(told)),
    }
    moved = np.abs(split.spend - split.now) > LEAST_MOVE * split.now.sum()
    blind = list(told["channel"][moved & ~told["told"].to_numpy()])
    better = float((split.gain > 0).mean()) >= SURE
    sure = known and better and not blind
    if not known:
        headline = say(
            "This data cannot tell which advertising paid: in a trial with known effects, {missed} of {count} channels were missed. Advertising may have added {added} ({low} to {high}) in a year for {spend}.",
            **said,
        )
    elif len(_losing(curve, margin, told)) == len(curve.channels):
        headline = say(
            "Advertising added {added} ({low} to {high}) to the last year's sales for {spend}; goods paid, {net} is left of that, and in every channel the last money earns less than it costs.",
            **said,
        )
    elif sure:
        headline = say(
            "Advertising added {added} ({low} to {high}) to the last year's sales for {spend}; the split below adds {gain} ({glow} to {ghigh}) a week at no cost.",
            **said,
        )
    elif better:
        headline = say(
            "Advertising added {added} ({low} to {high}) to the last year's sales for {spend}; the split below should add {gain} ({glow} to {ghigh}) a week, but it moves money on {blind}, which this data cannot tell: test first.",
            **said,
            blind=words.listing(blind),
        )
    else:
        headline = say(
            "Advertising added {added} ({low} to {high}) to the last year's sales for {spend}; no other split is surely better ({glow} to {ghigh} a week).",
            **said,
        )
    due = day + dt.timedelta(days=7 * QUARTER)
    return Finding(
        room="promotions",
        headline=headline,
        checks=_mix_checks(fitted, curve, split, tested),
        actions=_mix_actions(
            fitted,
            curve,
            split,
            told,
            margin=margin,
            day=day,
            currency=currency,
            sure=sure,
        ),
        quantity=Quantity(
            value=float(added.mean()),
            low=float(low),
            high=float(high),
            unit=currency,
            name=say("Sales added by advertising in a year"),
        ),
        caveats=(
            say(
                "Added sales are not profit: goods and the advertising itself still have to be paid."
            ),
            say("Effects that come after eight weeks are not counted."),
            say(
                "What empty shelves kept from being sold is not counted: where advertising sells them empty, it moved more demand than this."
            ),
            *_mix_caveats(fitted),
        ),
        predictions=tuple(
            Prediction(
                name="mix_plan",
                target={"channel": c, "spend": f"{split.spend[i]:.2f}"},
                due=due,
                unit=currency,
                quantiles={
                    str(q): float(np.quantile(curve.at(i, split.spend[i]), q))
                    for q in (0.05, 0.5, 0.95)
                },
            )
            for i, c in enumerate(curve.channels)
        ),
        facts={
            "gain": float(split.gain.mean()),
            "known": float(known),
            "return": float(added.mean() / max(1e-9, YEAR * curve.now.sum())),
        },
    )


def _mix_caveats(fitted: Mix) -> list[Text]:
    """Return what was done to the data before the fit, if anything."""
    panel, told = fitted.panel, []
    if panel.spread:
        told.append(
            say(
                "Spend of {channels} is booked on no single region with sales; it is spread over the regions by their sales.",
                channels=words.listing(list(panel.spread)),
            )
        )
    if panel.gaps:
        told.append(
            say(
                "{count} weeks hold no sales row at all; they are left out.",
                count=words.number(len(panel.gaps)),
            )
        )
    return told


def _losing(curve: ResponseCurve, margin: float, told: pd.DataFrame) -> list[str]:
    """Return the channels that can be told and whose last money surely earns too little."""
    return [
        n
        for c, n in enumerate(curve.channels)
        if told["told"].iloc[c]
        and curve.now[c] > 0
        and float((curve.next_euro(c, curve.now[c]) * margin < 1).mean()) >= SURE
    ]


def _mix_actions(
    fitted: Mix,
    curve: ResponseCurve,
    split: Split,
    told: pd.DataFrame,
    *,
    margin: float,
    day: dt.date,
    currency: str,
    sure: bool,
) -> tuple[Action, ...]:
    """Return what to do: money moves only where it can be told, the rest is tested."""
    from opslib.promotions.mix.doubt import next_test

    cash, found, move = (
        (lambda x: words.money(float(x), currency)),
        [],
        split.spend - split.now,
    )
    less, more = (
        [
            c
            for c, m in zip(split.channels, move, strict=True)
            if sign * m > LEAST_MOVE * split.now.sum()
        ]
        for sign in (-1, 1)
    )
    losing = _losing(curve, margin, told)
    for c, name in enumerate(curve.channels):
        now, floor = float(curve.now[c]), float(curve.seen[c, 0])
        if now > floor and name in losing:
            kept = (now - floor) - margin * float(
                (curve.at(c, now) - curve.at(c, floor)).mean()
            )
            found.append(
                Action(
                    what=say(
                        "Cut {channel} to {floor} a week, the least it has run at: the last money there earns less than it costs.",
                        channel=Text(name),
                        floor=cash(floor),
                    ),
                    owner=say("Marketing"),
                    due=day + dt.timedelta(days=14),
                    value=max(0.0, kept) * QUARTER,
                    unit=currency,
                )
            )
    if sure and less and more:
        moved = {
            "amount": cash(np.maximum(move, 0).sum()),
            "less": words.listing(less),
            "more": words.listing(more),
        }
        found.append(
            Action(
                what=say(
                    "If the budget stays, move {amount} a week from {less} to {more}.",
                    **moved,
                )
                if found
                else say("Move {amount} a week from {less} to {more}.", **moved),
                owner=say("Marketing"),
                due=day + dt.timedelta(days=7),
                value=float(split.gain.mean()) * QUARTER * margin,
                unit=currency,
            )
        )
    tests = next_test(fitted, curve)
    open_first = tests.merge(told[["channel", "told"]]).sort_values(
        "told", kind="stable"
    )
    possible = open_first[open_first["possible"]]
    if len(possible):
        row = possible.iloc[0]
        found.append(
            Action(
                what=say(
                    "Test {channel}: switch it off in {regions} for {weeks} weeks and compare.",
                    channel=Text(row["channel"]),
                    regions=Text(row["regions"]),
                    weeks=words.number(row["weeks"]),
                )
                if row["regions"] != ", ".join(fitted.panel.regions)
                else say(
                    "Test {channel}: switch it on and off by turns, {weeks} weeks of each.",
                    channel=Text(row["channel"]),
                    weeks=words.number(row["weeks"]),
                ),
                owner=say("Marketing"),
                due=day + dt.timedelta(days=28),
            )
        )
    return tuple(sorted(found, key=lambda a: -(a.value or 0)))


def _mix_checks(
    fitted: Mix, curve: ResponseCurve, split: Split, tested: pd.DataFrame
) -> tuple[Check, ...]:
    told = verdicts(tested)
    spread = pd.DataFrame(fitted.by_form).pipe(
        lambda f: f.max(axis=1) / f.min(axis=1).clip(lower=1e-9)
    )
    worst = int(np.argmax(spread))
    ours, line = float(told["error"].mean()), float(told["line_error"].mean())
    missed = list(told.loc[~told["told"], "channel"])
    return (
        Check(
            name=say("Known effects found again"),
            passed=not missed,
            sentence=say(
                "Sales were made up with known effects on your own spend and judged from nothing: {ok} of {count} channels were found well enough. Not to be trusted: {missed}.",
                ok=words.number(int(told["told"].sum())),
                count=words.number(len(told)),
                missed=words.listing(missed),
            ),
        ),
        Check(
            name=say("Nearer than a straight line"),
            passed=ours < line,
            sentence=say(
                "There the total of a channel was usually missed by {ours}; a straight line through spend missed it by {line}.",
                ours=words.percent(ours),
                line=words.percent(line),
            ),
        ),
        Check(
            name=say("Ranges held"),
            passed=float(tested["held"].mean()) >= 0.75,
            sentence=say(
                "The ranges held the known effect in {held} of {count} cases.",
                held=words.number(int(tested["held"].sum())),
                count=words.number(len(tested)),
            ),
        ),
        Check(
            name=say("Shape of the response"),
            passed=bool(spread.max() <= FORM_SPREAD),
            sentence=say(
                "Fit cannot tell which shape is right; for {channel} the highest shape says {times} times what the lowest says.",
                channel=Text(fitted.panel.channels[worst]),
                times=words.number(float(spread.max()), 2),
            ),
        ),
        Check(
            name=say("Within what was seen"),
            passed=not split.beyond,
            sentence=say(
                "The proposal goes beyond the spend ever seen in: {beyond}.",
                beyond=words.listing(list(split.beyond)),
            ),
        ),
    )


def returns_table(rows: pd.DataFrame, currency: str) -> Table:
    """Return what each channel returned and what the next unit of money would."""
    captures = (
        rows["captures"].fillna(False).astype(bool)
        if "captures" in rows
        else pd.Series(False, index=rows.index)
    )
    frame = rows.assign(
        verdict=[
            say("captures demand, gets no credit")
            if c
            else say("can be told")
            if t
            else say("cannot be told from this data")
            for t, c in zip(rows["told"], captures, strict=True)
        ]
    )
    head = {
        "channel": _head(say("Channel")),
        **{
            k: _head(v, "money", unit=currency)
            for k, v in {
                "spend": say("Spend a week"),
                "added": say("Added sales a week"),
                "low": say("at least"),
                "high": say("at most"),
            }.items()
        },
        "verdict": _head(say("Verdict")),
    }
    return Table(
        name="channels",
        title=say("What each channel added"),
        frame=frame,
        headings=head,
    )


def next_table(rows: pd.DataFrame, margin: float) -> Table:
    """Return what one unit of money returned, and what the next would, beside what it must."""
    frame = rows.dropna(subset=["next"]).assign(needed=1 / margin)
    labels = {
        "back": say("Sales for each 1 spent"),
        "next": say("Sales for the next 1"),
        "next_low": say("at least"),
        "next_high": say("at most"),
        "needed": say("Needed to pay for itself"),
    }
    return Table(
        name="returns",
        title=say("What the money returned, and the next would return"),
        frame=frame.sort_values("next", ascending=False),
        headings={
            "channel": _head(say("Channel")),
            **{k: _head(v, "number", digits=2) for k, v in labels.items()},
        },
    )


def split_table(split: Split, curve: ResponseCurve, currency: str) -> Table:
    """Return the proposed split beside today's, with its gain and the gain's 90 % range."""
    ends = (split.gain.mean(), *np.quantile(split.gain, [0.05, 0.95]))
    gain = {
        k: words.money(float(x), currency)
        for k, x in zip(("gain", "low", "high"), ends, strict=True)
    }
    frame = pd.DataFrame(
        {
            "channel": split.channels,
            "now": split.now,
            "spend": split.spend,
            "change": split.spend - split.now,
            "least": curve.seen[:, 0],
            "most": curve.seen[:, 1],
        }
    )
    frame["flag"] = [
        say("never seen")
        if c in split.beyond
        else say("held by its limit")
        if c in split.held
        else say("seen before")
        for c in frame["channel"]
    ]
    head = {
        k: _head(label, "money", unit=currency)
        for k, label in {
            "now": say("Spend a week now"),
            "spend": say("Proposed"),
            "change": say("Change"),
            "least": say("Least seen"),
            "most": say("Most seen"),
        }.items()
    }
    return Table(
        name="split",
        title=say(
            "The proposed split: {gain} ({low} to {high}) a week more than today's split of the same money",
            **gain,
        )
        if not split.unspent
        else say(
            "The proposed split: {gain} ({low} to {high}) a week more; some money finds no place within what was seen",
            **gain,
        ),
        frame=frame,
        headings={
            "channel": _head(say("Channel")),
            **head,
            "flag": _head(say("Spend")),
        },
    )


def forms_table(spread: pd.DataFrame, currency: str) -> Table:
    """Return how far the shapes of the response differ."""
    labels = {
        "hill": say("Slow start, then flat"),
        "ratio": say("Flattens slowly"),
        "decay": say("Flattens fast"),
        "logistic": say("Straight, then flat"),
    }
    head = {
        "channel": _head(say("Channel")),
        **{
            k: _head(v, "money", unit=currency)
            for k, v in labels.items()
            if k in spread
        },
        "spread": _head(say("Highest over lowest"), "number", digits=2),
    }
    return Table(
        name="shapes",
        title=say("Added sales in all weeks, by assumed shape of the response"),
        frame=spread,
        headings=head,
    )


def recovery_table(tested: pd.DataFrame) -> Table:
    """Return how well known effects were found again."""
    told = verdicts(tested)
    frame = told.assign(
        verdict=[
            say("can be told") if t else say("cannot be told from this data")
            for t in told["told"]
        ]
    )
    head = {
        "channel": _head(say("Channel")),
        "error": _head(say("Usual miss of its total"), "percent"),
        "line_error": _head(say("Miss of a straight line"), "percent"),
        "coverage": _head(say("Ranges that held"), "percent"),
        "verdict": _head(say("Verdict")),
    }
    return Table(
        name="known_effects",
        title=say("Known effects, found again with your own spend"),
        frame=frame,
        headings=head,
    )


def reruns_table(again: pd.DataFrame, currency: str) -> Table:
    """Return how far the numbers move when the search starts elsewhere."""
    money = {
        "total": say("Added sales in all weeks"),
        "least": say("least of the searches"),
        "most": say("most of the searches"),
    }
    return Table(
        name="searches",
        title=say("The same search from other starting points"),
        frame=again,
        headings={
            "channel": _head(say("Channel")),
            **{k: _head(v, "money", unit=currency) for k, v in money.items()},
            "spread": _head(say("They differ by"), "percent", digits=1),
            "width": _head(say("Its range is wide"), "percent"),
        },
    )


def plans_table(scored: pd.DataFrame, currency: str) -> Table:
    """Return how earlier splits do on today's curve."""
    names = {
        "quarter": say("The last quarter, as it was spent"),
        "before": say("The quarter before, as it was spent"),
    }
    frame = scored.assign(
        name=[
            names[p] if p in names else say("Proposal of {day}", day=words.day(p))
            for p in scored["plan"]
        ]
    )
    money = {
        "budget": say("Budget a week"),
        "added": say("Added sales a week"),
        "low": say("at least"),
        "high": say("at most"),
    }
    return Table(
        name="plans",
        title=say("Earlier splits, judged with today's curve"),
        frame=frame,
        headings={
            "name": _head(say("Split")),
            **{k: _head(v, "money", unit=currency) for k, v in money.items()},
            "share": _head(say("Of the best for that budget"), "percent"),
        },
    )


def experiments_table(tests: pd.DataFrame, currency: str) -> Table:
    """Return the experiments that would settle what each channel adds."""
    frame = tests.assign(
        sure=[
            say("yes") if p else say("no, it would take too long")
            for p in tests["possible"]
        ]
    )
    head = {
        "channel": _head(say("Channel")),
        "doubt": _head(say("Width of its range"), "money", unit=currency),
        "regions": _head(say("Switch off in")),
        "weeks": _head(say("Weeks"), "number"),
        "loss": _head(say("Sales not made a week"), "money", unit=currency),
        "sure": _head(say("Would show it")),
    }
    return Table(
        name="tests", title=say("Which test to run next"), frame=frame, headings=head
    )


def doubts_table(rows: pd.DataFrame, currency: str) -> Table:
    """Return where mix, journeys and experiments differ, and the likely cause."""
    causes = {
        "capture": say(
            "It catches buyers whom others won; switch it off in some regions."
        ),
        "together": say(
            "It moves together with another channel; run them at different times."
        ),
        "forms": say(
            "The shape of its response is open; run it at a very high and a very low level."
        ),
        "views": say(
            "Contacts that nobody clicks are not in the paths, or paths count buyers who come anyway; test by region."
        ),
        "window": say(
            "Its effect lasts longer than a path; compare over eight weeks after a stop."
        ),
        "credited": say(
            "A test measured less: it is spent when sales are high anyway. Repeat the test in a quiet season."
        ),
        "unseen": say(
            "A test measured more: its spend moved too little to show it. Repeat the test in other weeks."
        ),
        "no spend": say("No spend is delivered for it; load the spend."),
        "nothing": say("Nothing to compare with: neither paths nor a test. Test it."),
        "": say("They agree."),
    }
    frame = rows.assign(why=[causes[c] for c in rows["cause"]]).sort_values(
        "differs", ascending=False
    )
    shares = {
        "share": say("Share by this page"),
        "low": say("at least"),
        "high": say("at most"),
        "journey": say("Share by paths"),
    }
    tests = (
        {
            "tested": say("Measured in its tests"),
            "said": say("This page for the same weeks"),
            "said_low": say("at least"),
            "said_high": say("at most"),
        }
        if frame["tested"].notna().any()
        else {}
    )
    head = {
        "channel": _head(say("Channel")),
        **{k: _head(v, "percent") for k, v in shares.items()},
        **{k: _head(v, "money", unit=currency) for k, v in tests.items()},
        "why": _head(say("Likely cause, and what would settle it")),
    }
    return Table(
        name="ways",
        title=say("The ways of judging, side by side"),
        frame=frame,
        headings=head,
    )


def journeys(credit: Credit, *, day: dt.date) -> Finding:
    """Return the finding on journeys: what paths depend on, and what that does not mean.

    Args:
        credit: What `credit_paths` returned, with the other orders.
        day: Day of the data.

    Raises:
        ValueError: There is no path, or none ended in a purchase.
    """
    if not len(credit.shares):
        msg = (
            f"none of {credit.ended:.0f} paths ended in a purchase; deliver touchpoints that say who bought (`converted`)"
            if credit.ended
            else "no path was delivered; load touchpoints: one row for each contact of a visitor"
        )
        raise ValueError(msg)
    shares = credit.shares
    top, gap = (
        shares.iloc[0],
        shares.assign(gap=shares["last"] - shares["removal"]).sort_values("gap"),
    )
    low, high = (
        float(top[k]) if top[k] == top[k] else float(top["removal"])
        for k in ("low", "high")
    )
    under, over = gap.iloc[0], gap.iloc[-1]
    moved = (
        credit.by_order.groupby("channel")["removal"]
        .agg(lambda s: s.max() - s.min())
        .max()
    )
    headline = say(
        "Of {count} purchases, {share} ({low} to {high}) hang on {channel}, by what paths would lose without it; the last contact alone says {last}.",
        count=words.number(credit.conversions),
        share=words.percent(top["removal"]),
        low=words.percent(low, 1),
        high=words.percent(high, 1),
        channel=Text(top["channel"]),
        last=words.percent(top["last"]),
    )
    actions = (
        Action(
            what=say(
                "Do not cut {channel} for its few last contacts: paths depend on it for {share}, the last contact shows {last}.",
                channel=Text(under["channel"]),
                share=words.percent(under["removal"]),
                last=words.percent(under["last"]),
            ),
            owner=say("Marketing"),
            due=day + dt.timedelta(days=14),
        ),
        Action(
            what=say(
                "Test by region whether {channel} wins buyers or only meets them last.",
                channel=Text(over["channel"]),
            ),
            owner=say("Marketing"),
            due=day + dt.timedelta(days=28),
        ),
    )
    checks = (
        Check(
            name=say("Not what was caused"),
            passed=None,
            sentence=say(
                "What paths lose without a channel is not what the channel caused: who meets it may buy anyway. Only a test tells."
            ),
        ),
        Check(
            name=say("Enough purchases"),
            passed=credit.conversions >= LEAST_PURCHASES,
            sentence=say(
                "{count} purchases and {ended} paths without one are used; {needed} purchases are needed.",
                count=words.number(credit.conversions),
                ended=words.number(credit.ended),
                needed=words.number(LEAST_PURCHASES),
            ),
        ),
        Check(
            name=say("Same with a longer memory"),
            passed=bool(moved <= 0.05),
            sentence=say(
                "When the next step depends on up to three contacts, no share moves by more than {moved}.",
                moved=words.percent(float(moved), 1),
            ),
        ),
    )
    return Finding(
        room="promotions",
        headline=headline,
        actions=actions,
        checks=checks,
        quantity=Quantity(
            value=float(top["removal"]),
            low=low,
            high=high,
            unit="share",
            name=say("Share of purchases that hang on the first channel"),
        ),
        caveats=(
            say(
                "Contacts that leave no trace, such as posters and television, are not in the paths."
            ),
        ),
        facts={"purchases": credit.conversions},
    )


def credit_table(credit: Credit) -> Table:
    """Return the credit of each channel, five ways."""
    labels = {
        "removal": say("Lost without it"),
        "low": say("at least"),
        "high": say("at most"),
        "shapley": say("Shared evenly"),
        "first": say("First contact"),
        "last": say("Last contact"),
        "linear": say("Every contact alike"),
        "paths": say("Purchases that met it"),
    }
    return Table(
        name="credit",
        title=say("Share of purchases, five ways of sharing them out"),
        frame=credit.shares,
        headings={
            "channel": _head(say("Channel")),
            **{k: _head(v, "percent", digits=1) for k, v in labels.items()},
        },
    )


def orders_table(credit: Credit) -> Table:
    """Return the shares when the next step depends on more contacts."""
    frame = (
        credit.by_order.pivot_table(index="channel", columns="order", values="removal")
        .rename(columns=lambda k: f"order{k}")
        .reset_index()
    )
    labels = {
        "order1": say("One contact"),
        "order2": say("Two contacts"),
        "order3": say("Three contacts"),
    }
    return Table(
        name="memory",
        title=say("Lost without it, when the next step depends on more contacts"),
        frame=frame.sort_values(frame.columns[1], ascending=False),
        headings={
            "channel": _head(say("Channel")),
            **{
                k: _head(v, "percent", digits=1)
                for k, v in labels.items()
                if k in frame
            },
        },
    )
