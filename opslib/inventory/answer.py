"""This module owns the inventory room's findings and tables, in words.

Long because every sentence and heading of three pages stands here.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from opslib import words
from opslib.findings import Action, Check, Finding, Heading, Prediction, Quantity, Table
from opslib.inventory.ahead import rolling as tests
from opslib.inventory.health import ageing
from opslib.words import Text, catalogue

if TYPE_CHECKING:
    from opslib.inventory.ahead.rolling import Backtest, Forecast
    from opslib.inventory.demand import Panel
    from opslib.inventory.health import Health
    from opslib.inventory.ordering.orders import Decision
    from opslib.inventory.ordering.terms import Terms
    from opslib.inventory.ordering.tuning import Tuned

say = catalogue(__package__ or "opslib.inventory")
_LATE_DAYS = 14
_ALIKE = 0.03
_SHEET_DIGITS = {
    "at_delivery": 1, "expected": 1, "pack_effect": 1, "gain_more": 2, "gain_less": 2,
}  # fmt: skip


def demand(
    panel: Panel,
    coming: Forecast,
    test: Backtest,
    *,
    day: dt.date,
    currency: str = "",
    confidence: float = 0.8,
) -> Finding:
    """Return the finding on coming demand: units, trust, what to watch."""
    total, low, high = _total(coming, test, confidence)
    scores = tests.combined(test)
    last_year = (
        float(np.nansum(panel.best_known()[:, -52 : -52 + coming.mean.shape[1]]))
        if panel.units.shape[1] >= 52
        else 0.0
    )
    weeks = coming.mean.shape[1]
    headline = say(
        "The next {weeks} weeks will sell {units} units ({span} at {confidence}).",
        weeks=words.number(weeks), units=words.number(total),
        span=words.between(words.number(low), words.number(high)),
        confidence=words.percent(confidence),
    )  # fmt: skip
    caveats = [
        say(
            "A sum over items is less certain than each item by itself; the range says so."
        )
    ]
    if last_year > 0:
        caveats.append(
            say(
                "The same weeks of last year sold {units} units.",
                units=words.number(last_year),
            )
        )
    if panel.masked > 0:
        caveats.append(
            say(
                "{share} of item weeks had an empty shelf; they count as demand of at least what sold.",
                share=words.percent(panel.masked, 1),
            )
        )
    return Finding(
        room="inventory",
        headline=headline,
        quantity=Quantity(
            value=total,
            low=low,
            high=high,
            unit="units",
            confidence=confidence,
            name=say("Units to be sold"),
        ),
        actions=_watch(panel, coming, day, currency),
        checks=_forecast_checks(scores),
        caveats=tuple(caveats),
        predictions=_predictions(coming),
    )


def reorder(made: Decision, told: Terms, *, day: dt.date, currency: str) -> Finding:
    """Return the finding on today's orders: money, reason, proof."""
    listed, tuned, test, coming = made.listed, made.tuned, made.test, made.coming
    chosen = listed[listed["order"] > 0]
    money, units = float(chosen["money"].sum()), float(chosen["order"].sum())
    error = tests.total_error(test) * 1.28
    low, high = units * (1 - error), units * (1 + error)
    if told.stock_known:
        headline = say(
            "Order {units} units for {money} today, in {lines} lines; demand could ask for {span} units.",
            units=words.number(units), money=words.money(money, currency),
            lines=words.number(len(chosen), 0),
            span=words.between(words.number(low), words.number(high)),
        )  # fmt: skip
    else:
        headline = say(
            "Stock up to {units} units, {money} at cost, over {lines} items and places; demand could ask for {span} units.",
            units=words.number(units), money=words.money(money, currency),
            lines=words.number(len(chosen), 0),
            span=words.between(words.number(low), words.number(high)),
        )  # fmt: skip
    return Finding(
        room="inventory",
        headline=headline,
        quantity=Quantity(
            value=units,
            low=low,
            high=high,
            unit="units",
            confidence=0.8,
            name=say("Units to order"),
        ),
        actions=_order_actions(chosen, told, day, currency),
        checks=(
            *_money_checks(tuned, currency),
            *_edit_checks(made.priced, currency),
            *_forecast_checks(tests.combined(test)),
        ),
        caveats=_order_caveats(told, listed),
        predictions=_predictions(coming),
        facts={"order_money": money, "order_units": units},
    )


def health(
    found: Health, *, day: dt.date, currency: str, card: pd.DataFrame | None = None
) -> Finding:
    """Return the finding on stock: money lying still, shelves empty, counts, suppliers."""
    over = float(found.rows["over_money"].sum())
    whole = float(found.rows["money"].sum())
    lost = float(found.rows["lost_weekly"].sum())
    low, high = min(over, found.over_range[0]), max(over, found.over_range[1])
    headline = say(
        "{over} ({span}) of {whole} stock is more than is needed, and {share} of shelves with demand are empty.",
        over=words.money(over, currency), whole=words.money(whole, currency),
        span=words.between(words.money(low, currency), words.money(high, currency)),
        share=words.percent(found.out_share, 1),
    )  # fmt: skip
    worst = found.rows.nlargest(1, "over_money").iloc[0]
    actions = [
        Action(
            what=say("Sell off or move the twenty lines with most money beyond need, first {name} in {place}.", name=str(worst["name"]), place=str(worst["place"])),
            owner=say("Purchasing"), due=day + dt.timedelta(days=14),
            value=float(found.rows["over_money"].nlargest(20).sum()), unit=currency,
        )
    ]  # fmt: skip
    if lost > 0:
        actions.append(
            Action(
                what=say(
                    "Refill the empty shelves; each week without costs this margin."
                ),
                owner=say("Warehouse"),
                due=day + dt.timedelta(days=3),
                value=lost,
                unit=currency,
            )
        )
    if len(found.scrap):
        actions.append(
            Action(
                what=say(
                    "Decide on {count} scrap requests that await approval.",
                    count=words.number(len(found.scrap), 0),
                ),
                owner=say("Warehouse manager"),
                due=day + dt.timedelta(days=7),
                value=float(found.scrap["value"].sum()),
                unit=currency,
            )
        )
    if len(found.counts):
        top = found.counts.iloc[0]
        actions.append(
            Action(
                what=say(
                    "Find out why {place} loses goods ({cause}).",
                    place=str(top["place"]),
                    cause=str(top["cause"]),
                ),
                owner=say("Warehouse"),
                due=day + dt.timedelta(days=21),
                value=float(top["money"]),
                unit=currency,
            )
        )
    if card is not None and card["latest"].max() > _LATE_DAYS:
        worst = card.loc[card["latest"].idxmax()]
        actions.append(
            Action(
                what=say(
                    "Agree delivery days anew with {supplier}: an order came {days} days late.",
                    supplier=str(worst["supplier"]),
                    days=words.number(worst["latest"], 0),
                ),
                owner=say("Purchasing"),
                due=day + dt.timedelta(days=14),
            )
        )
    checks = (
        Check(name=say("Counts agree with the books"), passed=None if np.isnan(found.accuracy) else found.accuracy >= 0.95,
              sentence=say("{share} of counts found what the books said.", share=words.percent(found.accuracy, 1)) if not np.isnan(found.accuracy) else say("No count was delivered.")),
        Check(name=say("Turns"), passed=None, sentence=say("Stock turns {turns} times a year.", turns=words.number(found.turns, 1))),
    )  # fmt: skip
    return Finding(
        room="inventory", headline=headline,
        quantity=Quantity(value=over, low=low, high=high, unit=currency, confidence=0.8, name=say("Money beyond need")),
        actions=tuple(actions), checks=checks,
        caveats=(say("Need is the wanted weeks of recent sales; the range shows how it moves when the recent weeks are drawn anew."),),
        facts={"stock_money": whole, "over_money": over},
    )  # fmt: skip


def order_table(listed: pd.DataFrame, *, currency: str) -> Table:
    """Return the order list as a table, most valuable first."""
    return Table(
        name="orders", title=say("What to order, most valuable first"),
        frame=listed[listed["order"] > 0].round({"money": 2, "gain": 2}).assign(reason=lambda f: [_reason(r) for r in f.itertuples()]),
        headings={
            "name": Heading(label=say("Name")), "place": Heading(label=say("Place")),
            "order": Heading(label=say("Order"), kind="number", digits=0, unit=""),
            "money": Heading(label=say("Money"), kind="money", unit=currency),
            "supplier": Heading(label=say("Supplier")),
            "gain": Heading(label=say("Expected gain"), kind="money", unit=currency),
            "reason": Heading(label=say("Why")), "item": Heading(label=say("Item")),
        },
    )  # fmt: skip


def sheet_table(listed: pd.DataFrame, *, day: dt.date, currency: str) -> Table:
    """Return the sheet a buyer edits and loads back, with each line's reckoning."""
    frame = listed[(listed["order"] > 0) | listed["edited"]]
    number = {"kind": "number", "digits": 0}
    return Table(
        name="order_sheet", title=say("Order sheet: change your order, load it back"),
        frame=frame.assign(
            day=day, wanted_order=frame["order"], pack_effect=frame["proposed"] - frame["wanted"]
        ).round(_SHEET_DIGITS),
        headings={
            "day": Heading(label=say("Order day"), kind="day"),
            "item": Heading(label=say("Item")), "place": Heading(label=say("Place")),
            "proposed": Heading(label=say("Proposed order"), **number),
            "wanted_order": Heading(label=say("Your order"), **number),
            "on_hand": Heading(label=say("On hand"), **number),
            "in_pipeline": Heading(label=say("On the way"), **number),
            "at_delivery": Heading(label=say("Left at delivery"), kind="number", digits=1),
            "expected": Heading(label=say("Demand to delivery week"), kind="number", digits=1),
            "pack_effect": Heading(label=say("Added by packs"), kind="number", digits=1),
            "gain_more": Heading(label=say("One unit more"), kind="money", unit=currency),
            "gain_less": Heading(label=say("One unit less"), kind="money", unit=currency),
            "lead_weeks": Heading(label=say("Weeks to delivery"), **number),
            "supplier": Heading(label=say("Supplier")),
            "days": Heading(label=say("Days to deliver"), **number),
            "slow": Heading(label=say("Slow"), **number),
            "held_back": Heading(label=say("Left out, would age"), **number),
        },
        rows_shown=5,
    )  # fmt: skip


def choice_table(told: Terms, *, currency: str) -> Table:
    """Return the items that several suppliers deliver, and who is taken."""
    frame = told.choices.reindex(
        columns=["item", "supplier", "taken", "unit", "price", "rejected", "days", "slow", "on_time"]
    )  # fmt: skip
    names = told.frame.drop_duplicates("item").set_index("item")["name"]
    yes = say("taken")
    return Table(
        name="suppliers", title=say("Items with several suppliers, cheapest good unit first"),
        frame=frame.assign(name=frame["item"].map(names), taken=[yes if t else "" for t in frame["taken"]]),
        headings={
            "name": Heading(label=say("Name")), "item": Heading(label=say("Item")),
            "supplier": Heading(label=say("Supplier")), "taken": Heading(label=say("Choice")),
            "unit": Heading(label=say("A good unit costs"), kind="money", unit=currency, digits=2),
            "price": Heading(label=say("Price"), kind="money", unit=currency, digits=2),
            "rejected": Heading(label=say("Rejected"), kind="percent", digits=1),
            "days": Heading(label=say("Days to deliver"), kind="number", digits=0),
            "slow": Heading(label=say("Slow"), kind="number", digits=0),
            "on_time": Heading(label=say("On time"), kind="percent"),
        },
        rows_shown=10,
    )  # fmt: skip


def worth_table(made: Decision, *, currency: str) -> Table:
    """Return what a day of lead time, a point of accuracy and the buyer's edits are worth."""
    worth, priced = made.worth, made.priced
    rows = [
        (say("One day of lead time less"), worth.lead_day, worth.lead_error),
        (say("Forecasts one per cent nearer"), worth.accuracy_point, worth.accuracy_error),
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["what", "money", "error"])
    frame["per"] = say("a year")
    if len(priced):
        spread = float(priced["saved"].std(ddof=0) * np.sqrt(len(priced)))
        changed = say(
            "The buyer's {count} changes of past lists",
            count=words.number(len(priced), 0),
        )
        frame.loc[len(frame)] = [
            changed,
            float(priced["saved"].sum()),
            spread,
            say("in all"),
        ]
    return Table(
        name="worth", title=say("What would be saved"), frame=frame,
        headings={
            "what": Heading(label=say("What")),
            "money": Heading(label=say("Saved (− lost)"), kind="money", unit=currency),
            "error": Heading(label=say("Give or take"), kind="money", unit=currency),
            "per": Heading(label=say("Over")),
        },
    )  # fmt: skip


def risk_table(listed: pd.DataFrame) -> Table:
    """Return what may run out before the order arrives."""
    return Table(
        name="running_out", title=say("Likely to run out before the order arrives"),
        frame=listed[listed["running_out"] > 0.3].sort_values("running_out", ascending=False),
        headings={
            "item": Heading(label=say("Item")), "name": Heading(label=say("Name")),
            "place": Heading(label=say("Place")),
            "running_out": Heading(label=say("Chance to run out before"), kind="percent"),
            "on_hand": Heading(label=say("On hand"), kind="number", digits=0),
            "in_pipeline": Heading(label=say("On the way"), kind="number", digits=0),
        },
        rows_shown=10,
    )  # fmt: skip


def forecast_table(coming: Forecast, panel: Panel) -> Table:
    """Return coming demand by item and place."""
    sums = coming.paths.sum(axis=2)
    recent = np.nanmean(np.nan_to_num(panel.best_known()[:, -13:]), axis=1)
    frame = coming.keys.assign(
        expected=coming.mean.sum(axis=1), low=np.quantile(sums, 0.1, axis=1),
        high=np.quantile(sums, 0.9, axis=1), recent=recent * coming.mean.shape[1],
        method=[_method_name(m) for m in coming.method],
    ).sort_values("expected", ascending=False)  # fmt: skip
    return Table(
        name="forecast", title=say("Coming demand by item and place"), frame=frame,
        headings={
            "item": Heading(label=say("Item")), "place": Heading(label=say("Place")),
            "expected": Heading(label=say("Expected units"), kind="number", digits=1),
            "low": Heading(label=say("Low"), kind="number", digits=0),
            "high": Heading(label=say("High"), kind="number", digits=0),
            "recent": Heading(label=say("At the recent pace"), kind="number", digits=1),
            "method": Heading(label=say("Method")),
        },
    )  # fmt: skip


def race_table(test: Backtest) -> Table:
    """Return how each method would have done on the newest weeks."""
    frame = tests.combined(test).reset_index()
    best = float(frame.loc[frame["method"] == "last week", "loss"].iloc[0])
    frame = frame.assign(
        method=[_method_name(m) for m in frame["method"]],
        nearer=1 - frame["loss"] / best,
    )
    return Table(
        name="race", title=say("How each method would have done on the newest weeks"), frame=frame,
        headings={
            "method": Heading(label=say("Method")),
            "nearer": Heading(label=say("Nearer than last week's sales"), kind="percent", digits=1),
            "bias": Heading(label=say("Too high (+) or too low (−)"), kind="percent", digits=1),
            "covered": Heading(label=say("Inside its range (aim: 80%)"), kind="percent"),
        },
    )  # fmt: skip


def over_table(found: Health, *, currency: str) -> Table:
    """Return where money lies still."""
    return Table(
        name="overstock", title=say("Most money beyond need"),
        frame=found.rows[found.rows["over_money"] > 0].sort_values("over_money", ascending=False),
        headings={
            "item": Heading(label=say("Item")), "name": Heading(label=say("Name")),
            "place": Heading(label=say("Place")),
            "over_money": Heading(label=say("Money beyond need"), kind="money", unit=currency),
            "on_hand": Heading(label=say("On hand"), kind="number", digits=0),
            "weekly": Heading(label=say("Sold a week"), kind="number", digits=1),
            "cover_weeks": Heading(label=say("Lasts weeks"), kind="number", digits=0),
            "days_idle": Heading(label=say("Days without a sale"), kind="number", digits=0),
            "abc": Heading(label=say("By value")), "xyz": Heading(label=say("By steadiness")),
        },
    )  # fmt: skip


def loss_table(found: Health, *, currency: str) -> Table:
    """Return what counts found missing, by place and cause."""
    return Table(
        name="losses", title=say("Goods missing at counts"), frame=found.counts,
        headings={
            "place": Heading(label=say("Place")), "cause": Heading(label=say("Cause")),
            "missing": Heading(label=say("Units missing"), kind="number", digits=0),
            "money": Heading(label=say("Money"), kind="money", unit=currency),
        },
        rows_shown=10,
    )  # fmt: skip


def count_table(found: Health, *, currency: str) -> Table:
    """Return what to count this week."""
    return Table(
        name="to_count", title=say("What to count this week"), frame=found.to_count,
        headings={
            "item": Heading(label=say("Item")), "name": Heading(label=say("Name")),
            "place": Heading(label=say("Place")),
            "money": Heading(label=say("Money in stock"), kind="money", unit=currency),
            "days_ago": Heading(label=say("Days since counted"), kind="number", digits=0),
        },
    )  # fmt: skip


def out_table(found: Health, *, currency: str) -> Table:
    """Return the empty shelves, most margin lost first."""
    rows = found.rows[found.rows["lost_weekly"] > 0]
    return Table(
        name="empty", title=say("Empty shelves with demand"),
        frame=rows.sort_values("lost_weekly", ascending=False),
        headings={
            "name": Heading(label=say("Name")), "item": Heading(label=say("Item")),
            "place": Heading(label=say("Place")),
            "lost_weekly": Heading(label=say("Margin lost a week"), kind="money", unit=currency),
            "weekly": Heading(label=say("Sold a week"), kind="number", digits=1),
            "abc": Heading(label=say("By value")),
        },
        rows_shown=10,
    )  # fmt: skip


def age_table(found: Health, *, currency: str) -> Table:
    """Return stock by the time since its last sale."""
    frame = ageing(found.rows)
    frame = frame.assign(age=[_age(a) for a in frame["age"]])
    return Table(
        name="ageing", title=say("Stock by time since its last sale"), frame=frame,
        headings={
            "age": Heading(label=say("Last sold")),
            "lines": Heading(label=say("Lines"), kind="number", digits=0),
            "money": Heading(label=say("Money in stock"), kind="money", unit=currency),
            "share": Heading(label=say("Share of stock"), kind="percent", digits=1),
        },
    )  # fmt: skip


def class_table(found: Health, *, currency: str) -> Table:
    """Return stock by value class and steadiness class."""
    return Table(
        name="classes", title=say("Stock by value (A most) and steadiness (X most)"),
        frame=found.rows.groupby(["abc", "xyz"], as_index=False).agg(
            lines=("item", "size"), money=("money", "sum"), over_money=("over_money", "sum")
        ),
        headings={
            "abc": Heading(label=say("By value")), "xyz": Heading(label=say("By steadiness")),
            "lines": Heading(label=say("Lines"), kind="number", digits=0),
            "money": Heading(label=say("Money in stock"), kind="money", unit=currency),
            "over_money": Heading(label=say("Money beyond need"), kind="money", unit=currency),
        },
    )  # fmt: skip


def scrap_table(found: Health, *, currency: str) -> Table:
    """Return scrap requests that await approval, dearest first."""
    names = found.rows.drop_duplicates("item").set_index("item")["name"]
    frame = (
        found.scrap.assign(name=found.scrap["item"].map(names))
        if len(found.scrap)
        else found.scrap
    )
    frame = frame.assign(approver=frame["approver"].fillna("–"))
    return Table(
        name="scrap", title=say("Scrap that awaits approval"),
        frame=frame.sort_values("value", ascending=False),
        headings={
            "request": Heading(label=say("Request")), "day": Heading(label=say("Asked on"), kind="day"),
            "name": Heading(label=say("Name")), "place": Heading(label=say("Place")),
            "quantity": Heading(label=say("Units"), kind="number", digits=0),
            "value": Heading(label=say("Money"), kind="money", unit=currency),
            "reason": Heading(label=say("Reason")), "approver": Heading(label=say("Approver (usual)")),
        },
        rows_shown=10,
    )  # fmt: skip


def supplier_table(card: pd.DataFrame, *, currency: str) -> Table:
    """Return how suppliers keep their word."""
    return Table(
        name="suppliers", title=say("How suppliers keep their word"), frame=card,
        headings={
            "supplier": Heading(label=say("Supplier")),
            "orders": Heading(label=say("Orders"), kind="number", digits=0),
            "on_time": Heading(label=say("On time"), kind="percent"),
            "late_days": Heading(label=say("Days late, mean"), kind="number", digits=1),
            "latest": Heading(label=say("Days late, worst"), kind="number", digits=0),
            "rejected": Heading(label=say("Rejected"), kind="percent", digits=1),
            "lead_days": Heading(label=say("Days to deliver"), kind="number", digits=0),
            "lead_low": Heading(label=say("Fast"), kind="number", digits=0),
            "lead_high": Heading(label=say("Slow"), kind="number", digits=0),
            "over_contract": Heading(label=say("Paid above contract"), kind="money", unit=currency),
        },
    )  # fmt: skip


def _total(
    coming: Forecast, test: Backtest, confidence: float
) -> tuple[float, float, float]:
    from scipy.stats import norm

    total = float(coming.mean.sum())
    own = float(coming.paths.sum(axis=(0, 2)).std() / max(1e-9, total))
    error = float(np.hypot(own, tests.total_error(test))) * float(
        norm.ppf(0.5 + confidence / 2)
    )
    return total, total * max(0.0, 1 - error), total * (1 + error)


def _forecast_checks(scores: pd.DataFrame) -> tuple[Check, ...]:
    ours, naive = scores.loc["ours"], scores.loc["last week"]
    nearer = 1 - ours["loss"] / naive["loss"]
    usual = 1 - ours["loss"] / scores.loc["13-week mean", "loss"]
    checks = [
        Check(name=say("Nearer than last week's sales"), passed=bool(nearer > 0),
              sentence=say("On the newest weeks, which were not used to choose, it was {share} nearer than repeating last week.", share=words.percent(nearer, 1)) if nearer > 0
              else say("On the newest weeks, which were not used to choose, repeating last week was {share} nearer; its number stands beside ours in the table.", share=words.percent(-nearer, 1))),
        Check(name=say("Nearer than the usual mean"), passed=bool(usual > 0),
              sentence=say("It was {share} nearer than the mean of the last three months.", share=words.percent(usual, 1)) if usual > 0
              else say("The mean of the last three months was {share} nearer.", share=words.percent(-usual, 1))),
        Check(name=say("The range holds"), passed=bool(0.7 <= ours["covered"] <= 0.9),
              sentence=say("{share} of what happened lay inside the 80% range.", share=words.percent(ours["covered"]))),
        Check(name=say("Neither too high nor too low"), passed=bool(abs(ours["bias"]) <= 0.1),
              sentence=_off(ours["bias"])),
    ]  # fmt: skip
    if scores.loc["zero", "error"] < scores.loc["ours", "error"]:
        checks.append(
            Check(
                name=say("A warning about plain error"),
                passed=None,
                sentence=say(
                    "Judged by plain error alone, forecasting nothing would win here; so ranges are judged instead."
                ),
            )
        )
    return tuple(checks)


def _off(bias: float) -> Text:
    share = words.percent(abs(bias), 1)
    if bias < 0:
        return say("In sum it was {share} too low.", share=share)
    return say("In sum it was {share} too high.", share=share)


def _money_checks(tuned: Tuned, currency: str) -> tuple[Check, ...]:
    ours, usual, book = tuned.ours.sum(), tuned.usual.sum(), tuned.textbook.sum()
    saved = 1 - ours / max(1e-9, usual)
    newest = 1 - tuned.ours[-1] / max(1e-9, tuned.usual[-1])
    gaps = (tuned.usual - tuned.ours) / max(1e-9, tuned.usual.mean())
    error = gaps.std(ddof=1) / np.sqrt(len(gaps)) if len(gaps) > 1 else float("nan")
    told = say(
        "Lived through {windows} past windows, stock and lost sales would have cost {ours} against {usual} by the usual rule: {share} (give or take {error}); in the newest, which had no part in the choice, {newest}.",
        windows=words.number(len(gaps), 0), ours=words.money(ours, currency),
        usual=words.money(usual, currency), share=_less(saved), newest=_less(newest),
        error=words.percent(error),
    )  # fmt: skip
    book_told = (
        say("The textbook's chance of meeting demand cost least here, so it is used.")
        if tuned.rule == "textbook"
        else say("The textbook's rule would have cost {book}.", book=words.money(book, currency))
    )  # fmt: skip
    return (
        Check(name=say("Cheaper than the usual rule"), passed=bool(saved > 0), sentence=told),
        Check(
            name=say("Cheaper than the textbook"),
            passed=None if tuned.rule == "textbook" else bool(ours <= book),
            sentence=book_told,
        ),
    )  # fmt: skip


def _less(saved: float) -> Text:
    if saved < 0:
        return say("{share} more", share=words.percent(-saved))
    return say("{share} less", share=words.percent(saved))


def _edit_checks(priced: pd.DataFrame, currency: str) -> tuple[Check, ...]:
    if priced.empty:
        return ()
    saved = float(priced["saved"].sum())
    sentence = (
        say("The buyer's {count} changes of earlier lists saved {money}.", count=words.number(len(priced), 0), money=words.money(saved, currency))
        if saved >= 0
        else say("The buyer's {count} changes of earlier lists cost {money}; the lists were better.", count=words.number(len(priced), 0), money=words.money(-saved, currency))
    )  # fmt: skip
    return (Check(name=say("The buyer's own changes"), passed=None, sentence=sentence),)


def _order_actions(
    chosen: pd.DataFrame, told: Terms, day: dt.date, currency: str
) -> tuple[Action, ...]:
    if chosen.empty:
        return ()
    by = (
        chosen.groupby(chosen["supplier"].fillna("-"))[["money", "gain"]]
        .sum()
        .nlargest(4, "gain")
    )
    actions = []
    for supplier, row in by.iterrows():
        who = say(
            "Order {money} from {supplier}.",
            money=words.money(row["money"], currency),
            supplier=str(supplier),
        )
        if supplier == "-":
            who = say("Check the list against stock on hand and order what lacks.")
        actions.append(
            Action(
                what=who,
                owner=say("Purchasing"),
                due=day + dt.timedelta(days=2),
                value=float(row["gain"]) if told.stock_known else None,
                unit=currency,
            )
        )
    return tuple(actions)


def _order_caveats(told: Terms, listed: pd.DataFrame) -> tuple[Text, ...]:
    caveats = []
    aged = listed[listed["held_back"] > 0]
    if len(aged):
        caveats.append(
            say(
                "{lines} lines are ordered lower or not at all, because a pack would outlast its shelf life; smaller packs would help.",
                lines=words.number(len(aged), 0),
            )
        )
    if told.assumed:
        named = words.listing([_assumption(a) for a in told.assumed])
        caveats.append(
            say("Assumed, because it was not delivered: {what}.", what=named)
        )
    if not told.stock_known:
        caveats.append(
            say(
                "Without stock on hand these are levels to stock up to, not orders; no empty shelf is claimed."
            )
        )
    caveats.append(
        say(
            "A few past weeks are one draw: what is saved in one window varies as the give-or-take says."
        )
    )
    return tuple(caveats)


def _assumption(name: str) -> Text:
    return {
        "cost": say("unit cost"),
        "lead time": say("lead time"),
        "stock": say("stock on hand"),
    }[name]


def _watch(
    panel: Panel, coming: Forecast, day: dt.date, currency: str
) -> tuple[Action, ...]:
    weeks = coming.mean.shape[1]
    recent = (
        np.nan_to_num(np.nanmean(np.nan_to_num(panel.best_known()[:, -8:]), axis=1))
        * weeks
    )
    rise = (coming.mean.sum(axis=1) - recent) * np.nan_to_num(panel.price)
    at = int(np.argmax(rise))
    key = coming.keys.iloc[at]
    return (
        Action(
            what=say("Prepare for more of {item} in {place}: {units} units in {weeks} weeks.", item=str(key["item"]), place=str(key["place"]), units=words.number(coming.mean[at].sum(), 0), weeks=words.number(weeks)),
            owner=say("Purchasing"), due=day + dt.timedelta(days=7),
            value=max(0.0, float(rise[at])) if currency else None, unit=currency,
        ),
        Action(what=_planned(panel, coming), owner=say("Marketing"), due=day + dt.timedelta(days=7)),
    )  # fmt: skip


def _planned(panel: Panel, coming: Forecast) -> Text:
    """Return what to do about promotions: keep what was planned, or tell what is not."""
    first, weeks = len(panel.weeks), coming.mean.shape[1]
    on = np.zeros(len(panel.units), bool)
    if panel.known is not None:
        on = (panel.known[0, :, first : first + weeks] > 0).any(axis=1)
    on &= np.isin(coming.method, tests.GLOBAL)
    if not on.any():
        return say(
            "Tell the departments of promotions planned for these weeks; this forecast knows of none."
        )
    return say(
        "Keep the promotions planned for these weeks: {lines} lines are foretold with them.",
        lines=words.number(int(on.sum()), 0),
    )


def _predictions(coming: Forecast) -> tuple[Prediction, ...]:
    """Foretell the next four weeks of the items with most expected units, all places."""
    rows = coming.keys.reset_index(drop=True).groupby("item").indices
    most = sorted(rows, key=lambda item: -coming.mean[rows[item]].sum())[:60]
    told = []
    for item in most:
        sums = coming.paths[rows[item]].sum(axis=0)
        for at, week in enumerate(coming.weeks[:4]):
            levels = {
                str(q): float(np.quantile(sums[:, at], q)) for q in (0.1, 0.5, 0.9)
            }
            told.append(
                Prediction(
                    name="weekly_units",
                    target={"item": str(item)},
                    due=(week + pd.Timedelta(days=6)).date(),
                    unit="units",
                    quantiles=levels,
                )
            )
    return tuple(told)


def _reason(row: object) -> Text:
    """Return why a line is ordered: stock at delivery, packs, supplier."""
    weeks = words.number(float(row.lead_weeks) + 1)
    if np.isnan(row.on_hand):
        return say("demand of {weeks} weeks", weeks=weeks)
    parts = [
        say(
            "{stock} left at delivery, {wanted} more wanted",
            stock=words.number(max(0.0, row.at_delivery), 0),
            wanted=words.number(row.wanted, 0),
        )
    ]
    if row.pack > 1:
        parts.append(
            say("in packs of {pack}", pack=words.number(row.pack, 0))
        )  # fmt: skip
    if row.edited:
        parts = [
            say("changed by the buyer from {was}", was=words.number(row.proposed, 0))
        ]
    if row.held_back > 0:
        parts.append(
            say("{units} fewer, they would outlast their shelf life", units=words.number(row.held_back, 0))
        )  # fmt: skip
    if not np.isnan(row.on_time):
        parts += [
            say("arrives in {days} days, one in ten after {slow}", days=words.number(row.days, 0), slow=words.number(row.slow, 0)),
            _whose(row),
        ]  # fmt: skip
    return Text("; ".join(t.en for t in parts), "；".join(t.zh for t in parts))


def _whose(row: object) -> Text:
    """Return why this supplier: the only one, or cheaper for a good unit than the next."""
    if pd.isna(row.other):
        return say(
            "only supplier so far, {share} on time", share=words.percent(row.on_time)
        )
    told = {
        "supplier": str(row.supplier), "other": str(row.other),
        "saving": words.percent(row.saving, 1), "share": words.percent(row.on_time),
    }  # fmt: skip
    alike = row.days == row.other_days
    if alike and abs(row.on_time - row.other_on_time) < _ALIKE:
        return say(
            "{supplier}, not {other}: a good unit costs {saving} less, as soon and as punctual ({share} on time)",
            **told,
        )
    return say(
        "{supplier}, not {other}: a good unit costs {saving} less, {days} days against {other_days}, {share} on time against {other_share}",
        days=words.number(row.days, 0), other_days=words.number(row.other_days, 0),
        other_share=words.percent(row.other_on_time), **told,
    )  # fmt: skip


def _age(name: str) -> Text:
    return {
        "month": say("within a month"), "quarter": say("one to three months ago"),
        "half": say("three to six months ago"), "older": say("longer ago or never"),
    }[name]  # fmt: skip


def _method_name(name: str) -> Text:
    told = {
        "last week": say("last week again"), "last year": say("last year's weeks"),
        "zero": say("nothing at all"), "13-week mean": say("mean of three months"),
        "levels": say("mean of one, three and six months"), "smoothing": say("smoothing"),
        "ETS": say("smoothing with trend"), "theta": say("theta lines"),
        "Croston": say("gaps and sizes"), "TSB": say("gaps that may fade out"),
        "ADIDA": say("sums over the usual gap"), "IMAPA": say("several rhythms"),
        "CES": say("smoothing whose gain moves"), "boosted trees": say("one model for all items"),
        "combination": say("one model for all items, joined with means"),
        "ours": say("this page"),
    }  # fmt: skip
    return told.get(name, Text(name))
