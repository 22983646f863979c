"""This module owns what the campaign pages say: findings and tables, in words.

Long because a page's every sentence is written here and nowhere else.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pandas as pd
from scipy import stats

from opslib import words
from opslib.findings import Action, Check, Finding, Prediction, Quantity, Table
from opslib.findings import heading as _head
from opslib.words import Text, catalogue

if TYPE_CHECKING:
    from opslib.promotions.campaigns.arms import Drawn, Responders
    from opslib.promotions.campaigns.design import Judged, Worth
    from opslib.promotions.campaigns.live import Alerts, Live

say = catalogue(__package__ or "opslib.promotions.campaigns")
MOST_FALSE, LEAST_COVER = 0.10, 0.85
FIXES = {
    "click_rate": "Change the advertisement in {region}: clicks per view",
    "order_rate": "Check price, stock and order page in {region}: orders per click",
    "click_cost": "Lower the bids in {region}: the cost of a click",
    "sales": "Check shelves and price tags in {region}: its share of sales",
    "complaints": "Find out what customers complain of: complaints",
}


def lift(
    judged: Judged,
    told: Worth,
    tests: pd.DataFrame,
    others: pd.DataFrame,
    drawn: Drawn,
    *,
    day: dt.date,
    currency: str,
    plausible: float,
) -> Finding:
    """Return the finding on a campaign: units added, what they were worth, what next.

    Args:
        judged: What `judge_campaign` returned.
        told: What `worth` returned.
        tests: What `design` returned.
        others: What `all_campaigns` returned.
        drawn: What `judge_arms` returned.
        day: Last day known.
        currency: Currency code.
        plausible: Largest lift a campaign is believed to reach, a share.
    """
    found = judged.lift
    row = judged.stressed.card.set_index("method").loc[judged.stressed.taken]
    gain = {} if judged.panel.together else {"gain": told.gain}
    return Finding(
        room="promotions",
        headline=_lift_headline(judged, told, row, currency, plausible),
        quantity=Quantity(
            value=found.total,
            low=found.total_low,
            high=found.total_high,
            unit="units",
            confidence=found.confidence,
            name=say("Added units")
            if judged.days == judged.planned
            else say("Added units in {days} of {planned} days", **_days(judged)),
        ),
        actions=_lift_actions(
            judged, told, tests, day=day, currency=currency, plausible=plausible
        )
        + _arm_actions(drawn, day),
        checks=_lift_checks(judged, row, others, plausible),
        caveats=(
            say(
                "The comparison assumes that the campaign moved no sales from or to the places it is compared with."
            ),
            say(
                "An empty shelf during the campaign hides a part of what it could have added."
            ),
            *_judged_days(judged),
            *_unnoted(drawn),
        ),
        facts={
            "lift": found.effect.relative,
            "low": found.low,
            "high": found.high,
            **gain,
            "smallest": float(row["smallest"]),
        },
    )


def _lift_headline(
    judged: Judged, told: Worth, row: pd.Series, currency: str, plausible: float
) -> Text:
    found = judged.lift
    cash = lambda x: words.money(x, currency)  # noqa: E731
    said = {
        "campaign": judged.campaign,
        "others": words.listing(judged.panel.together),
        "units": words.number(abs(found.total), 0),
        "share": words.percent(abs(found.effect.relative)),
        "low": words.number(found.total_low, 0),
        "high": words.number(found.total_high, 0),
        "gain": cash(told.gain),
        "loss": cash(-told.gain),
        "gains": words.between(cash(told.gain_low), cash(told.gain_high)),
        "losses": words.between(cash(-told.gain_high), cash(-told.gain_low)),
        "smallest": words.percent(row["smallest"]),
    }
    if row["smallest"] > plausible:
        return say(
            "This data cannot answer whether {campaign} added sales: {low} to {high} units; only lifts above {smallest} would be seen.",
            **said,
        )
    if judged.panel.together:
        return say(
            "What {campaign} added cannot be separated from {others}, in the same places and weeks: together {low} to {high} units.",
            **said,
        )
    if found.low > 0 and told.gain > 0:
        return say(
            "{campaign} added {units} units ({low} to {high}), {share} more than without it, and gained {gain} ({gains}) after discount and cost.",
            **said,
        )
    if found.low > 0:
        return say(
            "{campaign} added {units} units ({low} to {high}), {share} more than without it, but lost {loss} ({losses}) after discount and cost.",
            **said,
        )
    if found.high < 0:
        return say(
            "{campaign} went with {units} units fewer ({low} to {high}) than would have been sold without it.",
            **said,
        )
    return say(
        "No lift of {campaign} is seen: {low} to {high} units; lifts under {smallest} would often be missed.",
        **said,
    )


def _days(judged: Judged) -> dict[str, Text]:
    return {
        "days": words.number(judged.days),
        "planned": words.number(judged.planned),
    }


def _judged_days(judged: Judged) -> tuple[Text, ...]:
    if judged.days == judged.planned:
        return ()
    return (
        say(
            "Judged are the whole weeks, {days} of the campaign's {planned} days; units, sales and cost are those of these days.",
            **_days(judged),
        ),
    )


def _unnoted(drawn: Drawn) -> tuple[Text, ...]:
    if not drawn.unnoted:
        return ()
    return (
        say(
            "{campaign}: no response is noted for {n} of the customers drawn; they count as not having responded.",
            campaign=drawn.campaign,
            n=words.number(drawn.unnoted),
        )
        if (drawn.effects["outcome"] == "responded").any()
        else say(
            "{campaign}: no response is noted for any customer drawn; spending alone is judged.",
            campaign=drawn.campaign,
        ),
    )


def _alone(judged: Judged) -> Check:
    """Return whether other campaigns stand in the way, and what was done about it."""
    panel = judged.panel
    said = {
        "others": words.listing(panel.together),
        "places": words.listing(panel.left_out),
        "weeks": words.number(panel.masked),
    }
    if panel.together:
        sentence = say(
            "The effect cannot be separated from {others}, in the same places and weeks: it is that of all together, and no money is credited.",
            **said,
        )
    elif panel.left_out:
        sentence = say(
            "Not judged, for another campaign there: {places}; units, sales and cost are those of the other places.",
            **said,
        )
    elif panel.masked:
        sentence = say(
            "Weeks before the start with another campaign in its places are left out: {weeks}.",
            **said,
        )
    else:
        sentence = say("No other campaign ran in its places in the weeks used.")
    passed = False if panel.together else None if panel.left_out else True
    return _check(say("Alone in its places and weeks"), passed, sentence)


def _lift_actions(
    judged: Judged,
    told: Worth,
    tests: pd.DataFrame,
    *,
    day: dt.date,
    currency: str,
    plausible: float,
) -> tuple[Action, ...]:
    soon, later = day + dt.timedelta(days=14), day + dt.timedelta(days=30)
    name, marketing, actions = judged.campaign, say("Marketing"), []
    if judged.panel.together:
        actions.append(
            Action(
                what=say(
                    "Run {campaign} and {others} in different places or weeks next time: nobody can tell what each added.",
                    campaign=name,
                    others=words.listing(judged.panel.together),
                ),
                owner=marketing,
                due=later,
            )
        )
    elif told.gain_low > 0:
        actions.append(
            Action(
                what=say(
                    "Repeat {campaign} in the same places and season.", campaign=name
                ),
                owner=marketing,
                due=later,
                value=told.gain,
                unit=currency,
            )
        )
    elif told.gain_high < 0 and not told.break_even < 5:
        actions.append(
            Action(
                what=say(
                    "Do not repeat {campaign} in this form: no lift that can be hoped for pays its discount and cost.",
                    campaign=name,
                ),
                owner=marketing,
                due=soon,
                value=-told.gain,
                unit=currency,
            )
        )
    elif told.gain_high < 0:
        actions.append(
            Action(
                what=say(
                    "Do not repeat {campaign} in this form: it pays only from a lift of {needed}.",
                    campaign=name,
                    needed=words.percent(told.break_even),
                ),
                owner=marketing,
                due=soon,
                value=-told.gain,
                unit=currency,
            )
        )
    good = tests[tests["smallest"] <= plausible / 2]
    good = good if len(good) else tests[tests["smallest"] <= plausible]
    if len(good):
        best = good.loc[(good["share"] * good["weeks"]).idxmin()]
        actions.append(
            Action(
                what=say(
                    "Run the next test for {weeks} weeks in {names} and leave the other places without it: it would see a lift from {smallest}.",
                    weeks=words.number(best["weeks"]),
                    names=best["names"],
                    smallest=words.percent(best["smallest"]),
                ),
                owner=marketing,
                due=later,
            )
        )
    else:
        least = words.percent(tests["smallest"].min() if len(tests) else float("nan"))
        actions.append(
            Action(
                what=say(
                    "Do not run a test by places: the best would see lifts from {smallest} only. Give the offer to customers drawn at random and compare them with the rest.",
                    smallest=least,
                ),
                owner=marketing,
                due=later,
            )
        )
    return tuple(actions)


def _lift_checks(
    judged: Judged, row: pd.Series, others: pd.DataFrame, plausible: float
) -> tuple[Check, ...]:
    past = judged.stressed.errors
    usual = float(past.loc[past["method"] == judged.stressed.taken, "spread"].median())
    own = abs(judged.lift.effect.spread / judged.lift.effect.expected)
    n = words.number(row["placebos"])
    state = _paid(others)
    told = judged.methods["relative"]
    return (
        _alone(judged),
        _check(
            say("False alarms"),
            row["false_alarms"] <= MOST_FALSE,
            say(
                "On {n} past dates and places without a campaign, a lift was claimed in {share}.",
                n=n,
                share=words.percent(row["false_alarms"]),
            ),
        ),
        _check(
            say("Ranges that hold"),
            row["coverage"] >= LEAST_COVER,
            say(
                "There, the range held the truth (no lift) in {share}; {asked} was promised.",
                share=words.percent(row["coverage"]),
                asked=words.percent(judged.lift.confidence),
            ),
        ),
        _check(
            say("Lifts that can be seen"),
            row["smallest"] <= plausible,
            say(
                "A lift of {smallest} is seen in eight of ten cases; you call up to {plausible} plausible.",
                smallest=words.percent(row["smallest"]),
                plausible=words.percent(plausible),
            ),
        ),
        _check(
            say("Moved alike before"),
            own <= 2 * usual,
            say(
                "Before the start, the weeks were {own} off the comparison; {usual} is usual here.",
                own=words.percent(own, 1),
                usual=words.percent(usual, 1),
            ),
        ),
        _check(
            say("Other ways to compare"),
            None,
            say(
                "Five ways to compare say {low} to {high}; the one that was best in the past is shown.",
                low=words.percent(told.min()),
                high=words.percent(told.max()),
            ),
        ),
        _check(
            say("All campaigns"),
            None,
            say(
                "Of {n} campaigns that can be judged, {paid} earned their discount and cost by the whole of their range, {lost} did not; undecided: {open}.",
                n=words.number(len(others)),
                paid=words.number(int((state == "paid").sum())),
                lost=words.number(int((state == "lost").sum())),
                open=words.listing(
                    list(others["campaign"][~state.isin(["paid", "lost"])])
                ),
            ),
        ),
    )


def _paid(others: pd.DataFrame) -> pd.Series:
    """Return paid, lost, open (the range of the gain holds zero) or shared."""
    return pd.Series(
        [
            "shared"
            if r.together
            else "paid"
            if r.gain_low > 0
            else "lost"
            if r.gain_high < 0
            else "open"
            for r in others.itertuples()
        ],
        index=others.index,
        dtype=object,
    )


def method_names() -> dict[str, Text]:
    """Return the ways to compare in plain words."""
    return {
        "did": say("All other places alike"),
        "sc": say("Mix of places that moved alike"),
        "fesc": say("Mix of places, levels apart"),
        "sdid": say("Mix of places and of weeks"),
        "blend": say("Average of the two mixes"),
        "sts": say("Regression on other places"),
    }


def stress_table(judged: Judged) -> Table:
    """Return how each way to compare did where there was no campaign."""
    names = method_names()
    frame = judged.stressed.card.assign(
        way=[names[m] for m in judged.stressed.card["method"]]
    )
    frame["used"] = [say("used here") if t else "" for t in frame["taken"]]
    head = {
        "way": _head(say("Compared with")),
        "used": _head(say("Choice")),
        "placebos": _head(say("Dates and places tried"), "number"),
        "false_alarms": _head(say("Lift claimed where none was"), "percent"),
        "coverage": _head(say("Range held"), "percent"),
        "smallest": _head(say("Smallest lift seen"), "percent"),
        "width": _head(say("Range, plus or minus"), "percent"),
    }
    return Table(
        name="stress_card",
        title=say("Put to the test where there was no campaign"),
        frame=frame,
        headings=head,
    )


def places_table(judged: Judged) -> Table:
    """Return the lift place by place."""
    head = {
        "unit": _head(say("Category and region")),
        "relative": _head(say("Lift"), "percent"),
        "low": _head(say("at least"), "percent"),
        "high": _head(say("at most"), "percent"),
        "units": _head(say("Added units"), "number", digits=0),
    }
    return Table(
        name="lift_by_place",
        title=say("Lift by place"),
        frame=judged.places,
        headings=head,
    )


def campaigns_table(others: pd.DataFrame, currency: str) -> Table:
    """Return every campaign that can be judged, newest first."""
    states = {
        "paid": say("paid"),
        "lost": say("did not pay"),
        "open": say("undecided"),
    }
    frame = others.assign(
        state=[
            states.get(s, say("not apart from {others}", others=w))
            for s, w in zip(_paid(others), others["together"], strict=True)
        ]
    )
    head = {
        "campaign": _head(say("Campaign")),
        "starts": _head(say("Start"), "day"),
        "state": _head(say("Did it pay?")),
        "relative": _head(say("Lift"), "percent"),
        "low": _head(say("at least"), "percent"),
        "high": _head(say("at most"), "percent"),
        "sales": _head(say("Added sales"), "money", unit=currency),
        "gain": _head(say("Gain after discount and cost"), "money", unit=currency),
        "gain_low": _head(say("at least"), "money", unit=currency),
        "gain_high": _head(say("at most"), "money", unit=currency),
    }
    return Table(
        name="all_campaigns",
        title=say("Every campaign, the same way"),
        frame=frame,
        headings=head,
    )


def design_table(tests: pd.DataFrame) -> Table:
    """Return the tests that could be run next."""
    head = {
        "weeks": _head(say("Weeks"), "number"),
        "names": _head(say("Places with the campaign")),
        "share": _head(say("Share of the category's sales"), "percent"),
        "smallest": _head(say("Smallest lift seen"), "percent"),
    }
    return Table(
        name="test_design",
        title=say("Tests to choose from"),
        frame=tests,
        headings=head,
    )


def arms_table(drawn: Drawn, currency: str) -> Table:
    """Return what each arm of the newest randomised campaign added, with its range."""
    cash = drawn.effects["outcome"] == "spend"
    write = [
        (lambda x: words.money(x, currency, 2))
        if c
        else (lambda x: words.percent(x, 1))
        for c in cash
    ]
    frame = drawn.effects.assign(
        what=[
            say("Spending a customer") if c else say("Customers who responded")
            for c in cash
        ],
        **{
            c: [w(v) for w, v in zip(write, drawn.effects[c], strict=True)]
            for c in ("effect", "low", "high")
        },
    )
    head = {
        "arm": _head(say("Arm")),
        "what": _head(say("Measure")),
        "people": _head(say("Customers"), "number", digits=0),
        "effect": _head(say("Added")),
        "low": _head(say("at least")),
        "high": _head(say("at most")),
    }
    title = (
        say(
            "{campaign}: added by each arm, against customers drawn to get nothing",
            campaign=drawn.campaign,
        )
        if drawn.campaign
        else say("No randomised campaign was delivered")
    )
    return Table(name="arms", title=title, frame=frame, headings=head)


def way_names() -> dict[str, Text]:
    """Return the orders in which customers could be treated."""
    return {
        "model": say("Learnt model"),
        "rule": say("One-line rule"),
        "random": say("Random order"),
    }


def who_table(drawn: Drawn) -> Table:
    """Return what is added when only the first so many customers are treated."""
    names = way_names()
    told = (
        drawn.who.gains
        if drawn.who
        else pd.DataFrame(columns=["way", "share", "gain", "low", "high"])
    )
    frame = told[told["share"].isin((0.1, 0.3, 0.5))].assign(
        **{c: told[c] * 1000 for c in ("gain", "low", "high")}
    )
    frame = frame.assign(
        name=[names[w] for w in frame["way"]],
        used=[
            say("used here") if drawn.who and w == drawn.who.best else ""
            for w in frame["way"]
        ],
    )
    head = {
        "name": _head(say("Order")),
        "used": _head(say("Choice")),
        "share": _head(say("Customers treated"), "percent"),
        "gain": _head(say("Responses added for 1,000 customers"), "number", digits=1),
        "low": _head(say("at least"), "number", digits=1),
        "high": _head(say("at most"), "number", digits=1),
    }
    title = (
        say("Who responds to {arm}", arm=drawn.best_arm)
        if drawn.who
        else say("Arms are too small, or responses not noted, to say who responds")
    )
    return Table(
        name="responders",
        title=title,
        frame=frame.sort_values(["share", "gain"], ascending=[True, False]),
        headings=head,
    )


def _arm_actions(drawn: Drawn, day: dt.date) -> tuple[Action, ...]:
    """Return what to do with each arm that harms, and with the best of the others.

    An arm harms where the whole range of an outcome is below zero, and works where
    that of its first outcome (responses, where noted) is above and none is below.
    """
    harms, works = [], []
    for arm, rows in drawn.effects.groupby("arm", sort=True):
        if (rows["high"] < 0).any():
            harms.append(str(arm))
        elif rows["low"].iloc[0] > 0:
            works.append(str(arm))
    said = [
        say(
            "Do not send {arm}: customers who got it responded or spent less than those who got nothing.",
            arm=Text(arm),
        )
        for arm in harms
    ]
    if drawn.best_arm in works and drawn.who:
        said.append(_whom(drawn.best_arm, drawn.who))
    elif drawn.best_arm and drawn.best_arm not in harms + works:
        said.append(
            say(
                "Do not roll out {arm}: it is not shown to work, its range holds zero. Draw more customers, or drop it.",
                arm=Text(drawn.best_arm),
            )
        )
    due = day + dt.timedelta(days=30)
    return tuple(Action(what=w, owner=say("Marketing"), due=due) for w in said)


def _whom(arm: str, told: Responders) -> Text:
    feature = {
        "purchases": say("purchases so far"),
        "amount": say("money spent so far"),
        "days_since": say("days since the last purchase"),
    }[told.rule]
    said = {
        "arm": arm,
        "feature": feature,
        "which": say("most") if told.highest else say("fewest"),
    }
    if told.best == "rule":
        return say(
            "Send {arm} to customers with the {which} {feature} first: this line alone orders responders as well as a model does.",
            **said,
        )
    if told.best == "model":
        return say(
            "Send {arm} in the order of the learnt model; it finds responders better than any one-line rule.",
            **said,
        )
    return say(
        "Send {arm} to all: it works, and no order finds its responders better than chance.",
        **said,
    )


def live(
    told: Live,
    raised: Alerts,
    past: pd.DataFrame,
    waiting: pd.DataFrame,
    kept: pd.DataFrame,
    *,
    currency: str,
    day: dt.date | None = None,
) -> Finding:
    """Return the finding on a running campaign: where it ends, what gave way, what to do.

    Args:
        told: What `follow` returned, widened.
        raised: What `alerts` returned.
        past: What `past_ends` returned.
        waiting: What `voices` returned.
        kept: What earlier runs foretold (`campaign_sales`), with the fact as `actual`.
        currency: Currency code.
        day: Today, from which actions are due; None for the last day of the campaign known.
    """
    main = told.plan.iloc[0]
    level = (1 - told.confidence) / 2
    foretold = Prediction(
        name="campaign_sales",
        target={"campaign": told.campaign},
        due=told.ends,
        unit=currency,
        quantiles={
            f"{level:.3g}": float(main["low"]),
            "0.5": float(main["end"]),
            f"{1 - level:.3g}": float(main["high"]),
        },
    )
    return Finding(
        room="promotions",
        headline=_live_headline(told, len(raised.raised), currency),
        checks=_live_checks(told, raised, past, kept, currency),
        actions=_live_actions(
            told, raised, waiting, currency=currency, day=day or told.day
        ),
        quantity=Quantity(
            value=float(main["end"]),
            low=float(main["low"]),
            high=float(main["high"]),
            unit=currency if told.sales_by else "clicks",
            confidence=told.confidence,
            name=say("Sales at the end") if told.sales_by else say("Clicks at the end"),
        ),
        caveats=(
            say(
                "Sales are those made under the campaign, not those it added; the page on its lift tells these."
            ),
        )
        if told.sales_by
        else (),
        predictions=(foretold,)
        if told.day < told.ends and told.sales_by == "code"
        else (),
        facts={
            "alerts": float(len(raised.raised)),
            "late_cases": float((waiting["late"] & waiting["open"]).sum()),
        },
    )


def _live_headline(told: Live, alerts: int, currency: str) -> Text:
    main = told.plan.iloc[0]
    write = lambda x: (  # noqa: E731
        words.money(x, currency) if told.sales_by else words.number(x, 0)
    )
    known = pd.notna(main["target"]) and main["target"] > 0
    said = {
        "campaign": told.campaign,
        "day": words.number((told.day - told.starts).days + 1),
        "days": words.number((told.ends - told.starts).days + 1),
        "end": write(main["end"]),
        "low": write(main["low"]),
        "high": write(main["high"]),
        "share": words.percent(main["end"] / main["target"] if known else float("nan")),
        "target": write(main["target"]),
        "alerts": words.number(alerts),
    }
    if not told.sales_by:
        return say(
            "No sales line is marked with {campaign}; on day {day} of {days} its clicks head for {end} ({low} to {high}); alerts: {alerts}.",
            **said,
        )
    if told.day >= told.ends and not known:
        return say(
            "{campaign} is over with sales of {end}; no target was delivered; alerts: {alerts}.",
            **said,
        )
    if told.day >= told.ends:
        return say(
            "{campaign} is over with sales of {end}, {share} of its target of {target}; alerts: {alerts}.",
            **said,
        )
    if known:
        return say(
            "On day {day} of {days}, {campaign} is heading for sales of {end} ({low} to {high}), {share} of its target of {target}; alerts: {alerts}.",
            **said,
        )
    return say(
        "On day {day} of {days}, {campaign} is heading for sales of {end} ({low} to {high}); no target was delivered; alerts: {alerts}.",
        **said,
    )


def _live_checks(
    told: Live, raised: Alerts, past: pd.DataFrame, kept: pd.DataFrame, currency: str
) -> tuple[Check, ...]:
    found = [
        _check(
            say("What gave way"),
            not len(raised.raised),
            say(
                "{n} of {watched} series gave way since the start, beyond what chance would do in {budget} of campaigns: {names}.",
                n=words.number(len(raised.raised)),
                names=_gave_way(raised),
                watched=words.number(raised.watched),
                budget=words.percent(raised.budget),
            )
            if len(raised.raised)
            else say(
                "None of the {watched} series watched gave way.",
                watched=words.number(raised.watched),
            ),
        ),
        *_target_checks(told, currency),
        _check(
            say("Ends foretold"),
            past["held"].mean() >= 0.8 if len(past) else None,
            say(
                "Of {n} ends of earlier campaigns, {held} fell within the range said as far before the end.",
                n=words.number(len(past)),
                held=words.number(int(past["held"].sum())),
            ),
        ),
        _check(
            say("False alarms"),
            raised.false <= stats.binom.ppf(0.95, raised.stretches, raised.budget)
            if raised.stretches
            else None,
            say(
                "Of {n} earlier stretches as long, {false} raised an alert; the budget is {budget} of campaigns, all {watched} series together.",
                n=words.number(raised.stretches),
                false=words.number(raised.false),
                budget=words.percent(raised.budget),
                watched=words.number(raised.watched),
            ),
        ),
    ]
    if len(kept):
        found.append(
            _check(
                say("What this page said before"),
                bool(kept["held"].mean() >= 0.8),
                say(
                    "Of {n} sales ends this page foretold, {held} came within the range.",
                    n=words.number(len(kept)),
                    held=words.number(int(kept["held"].sum())),
                ),
            )
        )
    if "spend" not in set(told.plan["measure"]):
        found.append(
            _check(
                say("Advertising"),
                None,
                say(
                    "No spending of this campaign was delivered; clicks, orders and cost are not followed."
                ),
            )
        )
    if told.sales_by != "code":
        found.append(_marked(told))
    return tuple(found)


def _marked(told: Live) -> Check:
    """Return how sales are known where no sales line carries the campaign's code."""
    if told.sales_by:
        sentence = say(
            "No sales line carries the code of {campaign}; all sales of its places and categories in its days are counted.",
            campaign=told.campaign,
        )
    else:
        sentence = say(
            "Sales are not marked with this campaign, and its plan names no place: deliver the code with the sales lines. Sales are left out.",
        )
    passed = None if told.sales_by else False
    return _check(say("Sales of the campaign"), passed, sentence)


def _gave_way(raised: Alerts) -> Text:
    names = measure_names()
    return words.listing(
        [
            say("{what} in {region}", what=names[r.series], region=r.region)
            if r.region
            else names[r.series]
            for r in raised.raised.itertuples()
        ]
    )


def _target_checks(told: Live, currency: str) -> tuple[Check, ...]:
    """Return whether a target is missed as a fact: cost overspent, or an end too low.

    What is only foretold to miss is named and does not fail it: that would be judged
    anew each day, and raise false alarms beyond the budget.
    """
    plan, names = told.plan[told.plan["target"] > 0], measure_names()
    if plan.empty:
        return ()
    cost = plan["measure"] == "spend"
    over = told.day >= told.ends
    missed = plan[(cost & (plan["so_far"] > plan["target"])) | (~cost & over & (plan["so_far"] < plan["target"]))]  # fmt: skip
    bad = cost & (plan["low"] > plan["target"]) | ~cost & (
        plan["high"] < plan["target"]
    )
    off = [names[m] for m in plan.loc[bad, "measure"]]
    told_names = [
        say(
            "{measure} {so_far} against {target}",
            measure=names[r.measure],
            so_far=_written(r.measure, r.so_far, currency),
            target=_written(r.measure, r.target, currency),
        )
        for r in missed.itertuples()
    ]
    sentence = (
        say(
            "Missed: {names}.",
            names=Text(
                "; ".join(t.en for t in told_names), "；".join(t.zh for t in told_names)
            ),
        )
        if len(missed)
        else say(
            "None of its {n} targets is missed yet; by today's ranges these will be: {names}.",
            n=words.number(len(plan)),
            names=words.listing(off),
        )
        if off
        else say("None of its {n} targets is missed so far.", n=words.number(len(plan)))
    )
    passed = False if len(missed) else None if off else True
    return (_check(say("Own targets"), passed, sentence),)


def _written(measure: str, value: float, currency: str) -> Text:
    if measure in ("sales", "spend"):
        return words.money(value, currency)
    return words.number(value, 0)


def _live_actions(
    told: Live,
    raised: Alerts,
    waiting: pd.DataFrame,
    *,
    currency: str,
    day: dt.date,
) -> tuple[Action, ...]:
    plan, rest, who = (
        told.plan.set_index("measure"),
        (told.ends - told.day).days,
        say("Marketing") if told.owner in ("", "Marketing") else words.text(told.owner),
    )
    soon, actions = day + dt.timedelta(days=2), []
    mend = raised.raised["still"] & (
        (rest > 0) | (raised.raised["series"] == "complaints")
    )
    still = raised.raised[mend.astype(bool)]
    for row in still.drop_duplicates("region").itertuples():
        fix = say(FIXES[row.series], region=row.region)
        actions.append(
            Action(
                what=say(
                    "{fix} changed by {change} since {since}.",
                    fix=fix,
                    change=words.percent(row.change),
                    since=words.day(row.since),
                ),
                owner=who,
                due=soon,
            )
        )
    if (
        rest
        and "spend" in plan.index
        and plan.loc["spend", "end"] > plan.loc["spend", "target"]
    ):
        spend = plan.loc["spend"]
        left = max(0.0, spend["target"] - spend["so_far"]) / rest
        actions.append(
            Action(
                what=say(
                    "Spend {left} a day from now on, to stay within the {target} agreed.",
                    left=words.money(left, currency),
                    target=words.money(spend["target"], currency),
                ),
                owner=who,
                due=soon,
                value=float(spend["end"] - spend["target"]),
                unit=currency,
            )
        )
    if (
        rest
        and "sales" in plan.index
        and plan.loc["sales", "high"] < plan.loc["sales", "target"]
    ):
        gap = float(plan.loc["sales", "target"] - plan.loc["sales", "end"])
        actions.append(
            Action(
                what=say(
                    "Decide now: improve the offer or lower the target; sales will miss it by {gap}.",
                    gap=words.money(gap, currency),
                ),
                owner=who,
                due=soon,
            )
        )
    late = waiting[waiting["late"] & waiting["open"]]
    if len(late):
        actions.append(
            Action(
                what=say(
                    "Close the late cases of the campaign: {n}, the oldest open for {days} days.",
                    n=words.number(len(late)),
                    days=words.number(late["waits"].max()),
                ),
                owner=say("Service"),
                due=day + dt.timedelta(days=1),
            )
        )
    return tuple(sorted(actions, key=lambda a: -(a.value or 0.0)))


def measure_names() -> dict[str, Text]:
    """Return what is followed, in plain words."""
    return {
        "sales": say("Sales"),
        "clicks": say("Clicks"),
        "conversions": say("Orders from clicks"),
        "spend": say("Cost"),
        "complaints": say("Complaints"),
        "click_rate": say("Clicks per view"),
        "order_rate": say("Orders per click"),
        "click_cost": say("Cost of a click"),
        "order_cost": say("Cost of an order"),
    }


def plan_table(told: Live, currency: str) -> Table:
    """Return each measure against the campaign's own target, today and at the end."""
    names, over = measure_names(), told.day >= told.ends
    rows = []
    for row in told.plan.itertuples():
        write = lambda x, m=row.measure: _written(m, x, currency)  # noqa: E731
        bad = row.low > row.target if row.measure == "spend" else row.high < row.target
        good = (
            row.high <= row.target if row.measure == "spend" else row.low >= row.target
        )
        state = (
            say("no target")
            if pd.isna(row.target)
            else say("off plan")
            if bad
            else say("on plan")
            if good
            else say("could go either way")
        )
        rows.append(
            {
                "measure": names[row.measure],
                "so_far": write(row.so_far),
                "due": write(row.due_by_now),
                "target": write(row.target),
                "end": write(row.end)
                if over
                else say(
                    "{end} ({range})",
                    end=write(row.end),
                    range=words.between(write(row.low), write(row.high)),
                ),
                "state": state,
            }
        )
    head = {
        "measure": _head(say("Measure")),
        "so_far": _head(say("So far")),
        "due": _head(say("Due by now")),
        "target": _head(say("Target")),
        "end": _head(say("At the end")),
        "state": _head(say("State")),
    }
    return Table(
        name="campaign_plan",
        title=say("Today and at the end"),
        frame=pd.DataFrame(rows),
        headings=head,
    )


def rates_table(found: pd.DataFrame, currency: str) -> Table:
    """Return rates and costs by region and channel, each with its range and target."""
    names = measure_names()
    frame = found.copy()
    for name in ("region", "channel") if len(found) else ():
        frame[name] = [v or say("all") for v in found[name]]
    for name in (
        ("click_rate", "order_rate", "click_cost", "order_cost") if len(found) else ()
    ):
        write = (
            (lambda x: words.money(x, currency, 2))
            if name.endswith("cost")
            else (lambda x: words.percent(x, 1))
        )
        frame[name] = [
            say(
                "{end} ({range})", end=write(v), range=words.between(write(a), write(b))
            )
            for v, a, b in zip(
                found[name], found[f"{name}_low"], found[f"{name}_high"], strict=True
            )
        ]
    head = {
        "region": _head(say("Region")),
        "channel": _head(say("Channel")),
        "click_rate": _head(names["click_rate"]),
        "order_rate": _head(names["order_rate"]),
        "order_rate_target": _head(say("Target"), "percent", digits=1),
        "click_cost": _head(names["click_cost"]),
        "click_cost_target": _head(say("Target"), "money", unit=currency, digits=2),
        "order_cost": _head(names["order_cost"]),
        "order_cost_target": _head(say("Target"), "money", unit=currency, digits=2),
        "impressions": _head(say("Views"), "number", digits=0),
        "clicks": _head(say("Clicks"), "number", digits=0),
        "conversions": _head(say("Orders from clicks"), "number", digits=0),
        "spend": _head(say("Cost"), "money", unit=currency),
    }
    return Table(
        name="campaign_rates",
        title=say("By campaign, region and channel, with ranges and targets"),
        frame=frame,
        headings=head,
    )


def alerts_table(raised: Alerts) -> Table:
    """Return what gave way, and since when."""
    names = measure_names()
    frame = raised.raised.assign(what=[names[s] for s in raised.raised["series"]])
    head = {
        "what": _head(say("What")),
        "region": _head(say("Region")),
        "since": _head(say("Since"), "day"),
        "seen": _head(say("Seen on"), "day"),
        "change": _head(say("Change since"), "percent"),
        "still": _head(say("Lasts")),
    }
    return Table(
        name="campaign_alerts",
        title=say("What gave way") if len(frame) else say("Nothing gave way"),
        frame=frame,
        headings=head,
    )


def themes_table(waiting: pd.DataFrame) -> Table:
    """Return inquiries and complaints of the campaign by theme and owner."""
    marked = waiting.assign(
        complaints=waiting["kind"] == "complaint",
        inquiries=waiting["kind"] == "inquiry",
        overdue=waiting["late"] & waiting["open"],
        oldest=waiting["waits"].where(waiting["open"], 0),
    )
    frame = marked.groupby(["reason", "owner"], as_index=False).agg(
        {
            "complaints": "sum",
            "inquiries": "sum",
            "open": "sum",
            "overdue": "sum",
            "late": "sum",
            "oldest": "max",
        }
    )
    head = {
        "reason": _head(say("Theme")),
        "owner": _head(say("Owner")),
        "complaints": _head(say("Complaints"), "number"),
        "inquiries": _head(say("Inquiries"), "number"),
        "open": _head(say("Open"), "number"),
        "overdue": _head(say("Open and late"), "number"),
        "late": _head(say("Late in all"), "number"),
        "oldest": _head(say("Oldest open (days)"), "number"),
    }
    return Table(
        name="campaign_voices",
        title=say("Inquiries and complaints it brought, by theme and owner"),
        frame=frame.sort_values(["overdue", "open", "complaints"], ascending=False),
        headings=head,
    )


def open_table(waiting: pd.DataFrame) -> Table:
    """Return the open cases, longest waiting first."""
    head = {
        "case": _head(say("Case")),
        "kind": _head(say("Kind")),
        "reason": _head(say("Theme")),
        "owner": _head(say("Owner")),
        "opened": _head(say("Opened"), "day"),
        "waits": _head(say("Days open"), "number"),
        "late": _head(say("Late")),
    }
    return Table(
        name="open_cases",
        title=say("Open cases, longest waiting first"),
        frame=waiting[waiting["open"]],
        headings=head,
    )


def _check(name: Text, passed: bool | None, sentence: Text) -> Check:
    return Check(
        name=name, passed=None if passed is None else bool(passed), sentence=sentence
    )
