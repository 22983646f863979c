"""This module owns the market room's findings and tables, in words.

Long because it holds the sentences of five pages.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from opslib import words
from opslib.findings import Action, Check, Finding, Heading, Prediction, Quantity, Table
from opslib.findings import heading as _head
from opslib.market import options, trend
from opslib.market.choosing import prices, simulate
from opslib.market.survey.intake import MEAN, NET, POINTS, SHARE
from opslib.market.survey.tables import SURE, by_convention, letters, rounded
from opslib.market.survey.weights import effective_size
from opslib.words import Text, catalogue

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from opslib.market.choosing.bestworst import Promises
    from opslib.market.choosing.prices import Elasticity, PriceStudy
    from opslib.market.choosing.simulate import Tastes
    from opslib.market.options import Comparison
    from opslib.market.survey.coding import Coded
    from opslib.market.survey.intake import Survey
    from opslib.market.survey.study import Study
    from opslib.market.survey.tables import Crosstab
    from opslib.market.trend import Trend

say = catalogue(__package__ or "opslib.market")
SMALL, TINY = 100, 30
_VIEWS = {
    "for": say("for"),
    "with conditions": say("with conditions"),
    "against": say("against"),
}
SWING = 0.01  # usual swing of a share from month to month beside what people value


def survey_results(study: Study, *, day: dt.date) -> Finding:
    """Return the finding on what people said and whether the change is real."""
    waves, driving, coded = study.waves, study.driving, study.coded
    now, changes = waves.iloc[-1], changes_table(study.moved).frame
    said = {
        "others": words.number(changes["real"].sum()),
        "score": points(now["score"]),
        "low": points(now["low"]),
        "high": points(now["high"]),
        "wave": str(now["wave"]),
    }
    if len(waves) < 2:
        headline = say(
            "The recommendation score is {score} points ({low} to {high}) in {wave}.",
            **said,
        )
    else:
        said |= {
            "change": points(abs(now["change"])),
            "clow": points(now["change_low"]),
            "chigh": points(now["change_high"]),
        }
        real = now["luck"] < SURE
        headline = (
            say(
                "The recommendation score is {score} points ({low} to {high}) in {wave}; it rose by {change} since the wave before ({clow} to {chigh}), more than chance.",
                **said,
            )
            if real and now["change"] > 0
            else say(
                "The recommendation score is {score} points ({low} to {high}) in {wave}; it fell by {change} since the wave before ({clow} to {chigh}), more than chance.",
                **said,
            )
            if real
            else say(
                "The recommendation score is {score} points ({low} to {high}) in {wave}; the change since the wave before ({clow} to {chigh}) is no more than chance, though {others} other numbers changed for sure.",
                **said,
            )
            if changes["real"].any()
            else say(
                "The recommendation score is {score} points ({low} to {high}) in {wave}; the change since the wave before ({clow} to {chigh}) is no more than chance.",
                **said,
            )
        )
    w, size = study.sets.sample.weights, int((study.sets.sample.weights > 0).sum())
    kish = effective_size(w)
    checks = [
        _check(
            say("How much the weights cost"),
            kish >= 0.5 * size,
            say(
                "{people} people answered; after weighting they tell as much as {kish}. The score varies {effect} times as much as in a simple sample (design effect).",
                people=words.number(size),
                kish=words.number(kish),
                effect=words.number(_effect(study.book), 2),
            ),
        ),
        _check(
            say("Chance findings kept out"),
            None,
            say(
                "{tests} differences between waves were tested together; {found} are more than chance.",
                tests=words.number(len(changes)),
                found=words.number(changes["real"].sum()),
            ),
        ),
        _check(
            say("What the drivers explain"),
            driving["explained"].iloc[0] >= 0.2,
            say(
                "The rated sides explain {share} of the differences in recommending.",
                share=words.percent(driving["explained"].iloc[0]),
            ),
        ),
    ]
    if coded is None:
        checks.append(
            _check(
                say("Open answers"),
                None,
                say(
                    "Too few open answers are coded by hand to read the others; code thirty or more."
                ),
            )
        )
    else:
        checks.append(
            _check(
                say("Open answers"),
                coded.agreement >= 0.8,
                say(
                    "Of texts coded by hand, {share} get the same code from a reader that had not seen them; the shares are corrected for the rest.",
                    share=words.percent(coded.agreement),
                ),
            )
        )
    return Finding(
        room="market",
        headline=headline,
        actions=_survey_actions(driving, study.gains, coded, day),
        checks=tuple(checks),
        quantity=Quantity(
            value=float(now["score"]),
            low=float(now["low"]),
            high=float(now["high"]),
            unit="points",
            confidence=0.95,
            name=say("Recommendation score"),
        ),
        caveats=(
            say("What goes together with recommending need not be what causes it."),
            say(
                "Only people who answered are heard; weights mend their regions, not their opinions."
            ),
        ),
        facts={"score": float(now["score"]), "people": float(now["people"])},
    )


def _survey_actions(
    driving: pd.DataFrame,
    gains: tuple[npt.NDArray, npt.NDArray],
    coded: Coded | None,
    day: dt.date,
) -> tuple[Action, ...]:
    best = driving.iloc[0]
    gain = 0.5 * float(gains[0][int(best["at"])])
    out = [
        Action(
            what=say(
                "Raise the rating of {part}, which weighs most ({share} of what drives recommending), by half a point.",
                part=_part(best["part"]),
                share=words.percent(best["share"]),
            ),
            owner=_owner(best["part"]),
            due=day + dt.timedelta(days=60),
            value=gain,
            unit="points",
        )
    ]
    if coded is not None:
        top = coded.shares.iloc[0]
        out.append(
            Action(
                what=say(
                    "Take up the wish named most in people's own words: {code}, {share} ({low} to {high}).",
                    code=_part(top["code"]),
                    share=words.percent(top["share"]),
                    low=words.percent(top["low"]),
                    high=words.percent(top["high"]),
                ),
                owner=say("Strategy"),
                due=day + dt.timedelta(days=30),
            )
        )
        out.append(
            Action(
                what=say(
                    "Code the {count} least sure texts by hand.",
                    count=words.number(len(coded.queue)),
                ),
                owner=say("Market research"),
                due=day + dt.timedelta(days=14),
            )
        )
    return tuple(out)


def codebook_table(survey: Survey, book: Crosstab) -> Table:
    """Return what was asked: question, kind, choices, and how many answered."""
    kinds = {
        "score": say("0 to 10"),
        "scale": say("rating"),
        "multi": say("several answers"),
        "single": say("one answer"),
        "price": say("amount"),
        "code": say("coded by hand"),
        "open": say("open answer"),
    }
    asked = book.rows.drop_duplicates("question").set_index("question")["at"]
    people = asked.map(lambda at: book.bases["people"][at, 0])
    frame = survey.book.assign(
        kind=[kinds.get(k, Text(str(k))) for k in survey.book["kind"]],
        choices=[
            "" if k in ("open", "price") else "; ".join(c)
            for k, c in zip(survey.book["kind"], survey.book["choices"], strict=True)
        ],
        people=survey.book["question"].map(people),
    )
    heads = {
        "question": _head(say("Question")),
        "wording": _head(say("Wording")),
        "kind": _head(say("Kind")),
        "choices": _head(say("Answers offered")),
        "people": _head(say("People answered"), "number", digits=0),
    }
    return Table(
        name="codebook", title=say("What was asked"), frame=frame, headings=heads
    )


def banner_table(
    found: Crosstab,
    survey: Survey,
    *banners: str,
    convention: Sequence[str] = ("design", "half_up"),
) -> Table:
    """Return a question-by-group table as the trade prints it: bases, shares, letters.

    Args:
        found: The book.
        survey: The survey, for the wording.
        *banners: Banners side by side; letters compare within each.
        convention: How letters are found, as in `tables.by_convention`, and how shares
            are rounded, as in `tables.rounded`.
    """
    weighing, rounding = convention
    found = by_convention(found, weighing)
    rounded([], rounding)
    places = [0, *np.flatnonzero(found.columns["banner"].isin(banners))]
    told, wording = (
        letters(found),
        dict(zip(survey.book["question"], survey.book["wording"], strict=True)),
    )
    rows: list[list[object]] = []
    for q, some in found.rows.groupby("question", sort=False):
        n, kish = (found.bases[k][some["at"].iloc[0]] for k in ("people", "effective"))
        rows.append(
            [
                str(wording[q] or q),
                say("People asked"),
                *(f"{n[c]:,.0f}{_flag(n[c])}" for c in places),
            ]
        )
        rows.append(["", say("Effective base"), *(f"{kish[c]:,.0f}" for c in places)])
        said = [
            _cells(found.share[some.index, c], some["kind"], rounding) for c in places
        ]
        for k, r in enumerate(some.itertuples()):
            cells = [
                f"{column[k]} {told[r.Index, c]}".strip()
                for column, c in zip(said, places, strict=True)
            ]
            rows.append(["", _label(r.label), *cells])
    frame = pd.DataFrame(rows, columns=["question", "label", *map(str, places)])
    heads = {"question": _head(say("Question")), "label": _head(say("Answer"))}
    for c in places:
        column = found.columns.loc[c]
        heads[str(c)] = _head(
            Text(f"{column['label']} ({column['letter']})") if c else say("All")
        )
    return Table(
        name="_".join(["banner", *banners]),
        title=say(
            "Answers by {banner}; a letter names the columns a cell is above",
            banner=words.listing([_part(b) for b in banners]),
        )
        if weighing == "design"
        else say(
            "Answers by {banner}; letters by another convention: {way}",
            banner=words.listing([_part(b) for b in banners]),
            way=_convention(weighing),
        ),
        frame=frame,
        headings=heads,
        rows_shown=30,
    )


def numbers_table(found: Crosstab, survey: Survey) -> Table:
    """Return every number of the book with its range, bases and letters, to calculate with."""
    from scipy import stats

    reach = stats.t.ppf(0.975, found.free)
    wording, told, rest = (
        dict(zip(survey.book["question"], survey.book["wording"], strict=True)),
        letters(found),
        letters(found, against_rest=True),
    )
    r, c = (x.ravel() for x in np.indices(found.share.shape))
    at, part = (
        found.rows["at"].to_numpy()[r],
        found.rows["kind"].isin([SHARE, NET]).to_numpy()[r],
    )
    floor, roof = np.where(part, 0, -np.inf), np.where(part, 1, np.inf)
    frame = pd.DataFrame(
        {
            "question": [
                str(wording[q] or q) for q in found.rows["question"].to_numpy()[r]
            ],
            "label": [_label(x) for x in found.rows["label"].to_numpy()[r]],
            "banner": [
                _part(b) if b else say("All")
                for b in found.columns["banner"].to_numpy()[c]
            ],
            "group": found.columns["label"].to_numpy()[c],
            "value": found.share[r, c],
            "low": np.maximum(found.share[r, c] - reach * found.error[r, c], floor),
            "high": np.minimum(found.share[r, c] + reach * found.error[r, c], roof),
            "people": found.bases["people"][at, c],
            "effective": found.bases["effective"][at, c],
            "letters": told[r, c],
            "rest": rest[r, c],
        }
    )
    heads = {
        "question": _head(say("Question")),
        "label": _head(say("Answer")),
        "banner": _head(say("Group by")),
        "group": _head(say("Group")),
        "value": _head(say("Value"), "number", digits=3),
        **_ends("", "number", digits=3),
        "people": _head(say("People asked"), "number", digits=0),
        "effective": _head(say("Effective base"), "number", digits=0),
        "letters": _head(say("Above column")),
        "rest": _head(say("Against the rest")),
    }
    return Table(
        name="all_numbers",
        title=say("Every number with its range"),
        frame=frame,
        headings=heads,
        rows_shown=8,
    )


def changes_table(moved: Crosstab, survey: Survey | None = None) -> Table:
    """Return what changed since the wave before, largest first, and whether it is real."""
    tests = moved.tests[moved.tests["other"] > 0]
    rows, wording = (
        moved.rows.loc[tests["row"]],
        {}
        if survey is None
        else dict(zip(survey.book["question"], survey.book["wording"], strict=True)),
    )
    before, after = (moved.share[tests["row"], tests[c]] for c in ("column", "other"))
    frame = pd.DataFrame(
        {
            "question": [str(wording.get(q) or q) for q in rows["question"]],
            "label": [_label(x) for x in rows["label"]],
            "before": [_cell(v, k) for v, k in zip(before, rows["kind"], strict=True)],
            "after": [_cell(v, k) for v, k in zip(after, rows["kind"], strict=True)],
            "size": np.abs(tests["difference"].to_numpy() / tests["error"].to_numpy()),
            "real": (tests["found"] < SURE).to_numpy(),
        }
    ).sort_values("size", ascending=False, ignore_index=True)
    heads = {
        "question": _head(say("Question")),
        "label": _head(say("Answer")),
        "before": _head(say("Wave before")),
        "after": _head(say("This wave")),
        "real": _head(say("More than chance")),
    }
    return Table(
        name="changes",
        title=say("What changed since the wave before"),
        frame=frame,
        headings=heads,
        rows_shown=12,
    )


def links_table(found: Crosstab, survey: Survey) -> Table:
    """Return which questions differ by which group."""
    wording = dict(zip(survey.book["question"], survey.book["wording"], strict=True))
    frame = found.links.assign(
        question=[str(wording[q] or q) for q in found.links["question"]],
        banner=[_part(b) for b in found.links["banner"]],
        differs=found.links["chance"] < SURE,
    ).sort_values("chance")
    heads = {
        "question": _head(say("Question")),
        "banner": _head(say("Group by")),
        "chance": _head(say("Chance of such differences by luck"), "percent", digits=1),
        "differs": _head(say("Differs")),
    }
    return Table(
        name="links",
        title=say("Which answers differ by group"),
        frame=frame,
        headings=heads,
    )


def flips_table(told: pd.DataFrame, survey: Survey) -> Table:
    """Return cells whose letter another convention would give or take."""
    wording = dict(zip(survey.book["question"], survey.book["wording"], strict=True))
    frame = told.assign(
        question=[str(wording[q] or q) for q in told["question"]],
        label=[_label(x) for x in told["label"]],
        banner=[_part(b) for b in told["banner"]],
        way=[_convention(c) for c in told["convention"]],
        says=[say("here only") if k else say("there only") for k in told["kept"]],
    )
    heads = {
        "way": _head(say("Convention")),
        "question": _head(say("Question")),
        "label": _head(say("Answer")),
        "banner": _head(say("Group by")),
        "column": _head(say("Column")),
        "other": _head(say("Against column")),
        "says": _head(say("Difference found")),
    }
    return Table(
        name="flipped",
        title=say("Letters that another convention would change"),
        frame=frame,
        headings=heads,
        rows_shown=10,
    )


def drivers_table(driving: pd.DataFrame) -> Table:
    """Return what drives recommending, with how each side is rated."""
    frame = driving.assign(name=[_part(p) for p in driving["part"]])
    heads = {
        "name": _head(say("Side")),
        "share": _head(say("Weight in recommending"), "percent"),
        **_ends("", "percent"),
        "rating": _head(say("Mean rating"), "number", digits=2),
    }
    return Table(
        name="drivers",
        title=say("What drives recommending"),
        frame=frame,
        headings=heads,
    )


def reach_table(found: pd.DataFrame | Promises | None) -> Table:
    """Return which few wishes, or promises, together reach most people."""
    best = found if isinstance(found, pd.DataFrame) else getattr(found, "reached", None)
    if best is None:
        best = pd.DataFrame(columns=["size", "items", "share", "low", "high"])
    frame = best.assign(items=[words.listing(list(x)) for x in best["items"]])
    heads = {
        "size": _head(say("How many"), "number"),
        "items": _head(say("Best together")),
        "share": _head(say("People reached"), "percent"),
        **_ends("", "percent"),
    }
    return Table(
        name="reach",
        title=say("Which of them together reach most people"),
        frame=frame,
        headings=heads,
    )


def queue_table(coded: Coded | None, survey: Survey) -> Table:
    """Return the texts to code by hand next, least sure first.

    Once its codes are put right, the download can be delivered as survey answers.
    """
    frame = (
        pd.DataFrame(columns=["row", "text", "code", "sure"])
        if coded is None
        else coded.queue
    )
    who = survey.people[["survey", "respondent"]].iloc[frame["row"].astype(int)]
    frame = frame.assign(
        survey=who["survey"].to_numpy(),
        respondent=who["respondent"].to_numpy(),
        question="say_code",
    )
    heads = {
        "text": _head(say("Text")),
        "code": _head(say("Code proposed")),
        "sure": _head(say("How sure"), "percent"),
        "survey": _head(say("Survey")),
        "respondent": _head(say("Respondent")),
        "question": _head(say("Question")),
    }
    return Table(
        name="review_queue",
        title=say("To be coded by hand next"),
        frame=frame,
        headings=heads,
        rows_shown=8,
    )


def price_sensitivity(
    study: PriceStudy, *, price_now: float, day: dt.date, currency: str
) -> Finding:
    """Return the finding on prices: what earns most, what people accept."""
    cash, best = _cash(currency), study.demand.best
    inside = study.range.points.set_index("point")
    grid = study.demand.curve["price"]
    headline = say(
        "A price of {best} ({low} to {high}) earns most at a unit cost of {cost}; people accept {lower} to {upper}.",
        best=cash(best.value),
        low=cash(best.low),
        high=cash(best.high),
        cost=cash(study.demand.cost),
        lower=cash(inside.loc["lower", "value"]),
        upper=cash(inside.loc["upper", "value"]),
    )
    goal = min(best.value, max(float(inside.loc["upper", "value"]), study.demand.cost))
    more = [x * study.people for x in prices.gain(study.demand, price_now, goal)]
    near = best.low <= price_now <= best.high or more[0] <= 0
    what = (
        say(
            "Keep the price of {now}: no price that people accept earns surely more.",
            now=cash(price_now),
        )
        if near
        else say(
            "Move the price from {now} to {goal}, the dearest that people accept; try it in two regions first.",
            now=cash(price_now),
            goal=cash(goal),
        )
        if goal < best.value
        else say(
            "Move the price from {now} to {goal}; try it in two regions first.",
            now=cash(price_now),
            goal=cash(goal),
        )
    )
    action = Action(
        what=what,
        owner=say("Pricing"),
        due=day + dt.timedelta(days=45),
        value=None if near else more[0],
        unit=currency,
    )
    checks = [
        _check(
            say("Answers that contradict each other"),
            study.range.removed <= 0.2,
            say(
                "{share} of people named prices that do not rise from too cheap to too dear; they were left out.",
                share=words.percent(study.range.removed, 1),
            ),
        ),
        _check(
            say("Best price inside the prices named"),
            float(grid.iloc[1]) < best.value < float(grid.iloc[-2]),
            say(
                "Prices from {low} to {high} were tried.",
                low=cash(grid.iloc[0]),
                high=cash(grid.iloc[-1]),
            ),
        ),
        _check(
            say("What earns most is accepted"),
            inside.loc["lower", "low"] <= best.high
            and best.low <= inside.loc["upper", "high"],
            say(
                "The price that earns most lies {where} what people accept.",
                where=say("within")
                if inside.loc["lower", "value"]
                <= best.value
                <= inside.loc["upper", "value"]
                else say("outside"),
            ),
        ),
        *_sales_checks(study.sales),
    ]
    return Finding(
        room="market",
        headline=headline,
        actions=(action,),
        checks=tuple(checks),
        quantity=Quantity(
            value=best.value,
            low=best.low,
            high=best.high,
            unit=currency,
            confidence=best.confidence,
            name=say("Price that earns most"),
        ),
        caveats=(
            say(
                "What people say they would pay is often more than they pay; a trial in shops decides."
            ),
            say("The others' answer to a new price is not in these numbers."),
        ),
        facts={
            "best_price": best.value,
            "gain": more[0],
            "gain_low": more[1],
            "gain_high": more[2],
        },
    )


def _sales_checks(sales: Elasticity | None) -> list[Check]:
    if sales is None:
        return [
            _check(
                say("Real sales"),
                None,
                say("Too few weeks of sales with prices to set beside the survey."),
            )
        ]
    own = {
        "value": words.number(sales.own.value, 1),
        "low": words.number(sales.own.low, 1),
        "high": words.number(sales.own.high, 1),
    }
    sentence = (
        say(
            "One per cent on our price moved units by {value} per cent ({low} to {high}) in real sales.",
            **own,
        )
        if sales.apart
        else say(
            "In real sales prices moved only with promotions: one per cent on the price, with its promotion, moved units by {value} per cent ({low} to {high}); the price alone cannot be told.",
            **own,
        )
    )
    return [_check(say("Real sales"), sales.own.high < 0, sentence)]


def price_points_table(study: PriceStudy, currency: str) -> Table:
    """Return the four price points and what sales say, with ranges."""
    names = {
        "lower": say("Cheapest that is trusted"),
        "upper": say("Dearest that is accepted"),
        "indifference": say("As many find it cheap as dear"),
        "optimal": say("Fewest refuse it"),
    }
    frame = study.range.points.assign(
        name=[names[p] for p in study.range.points["point"]]
    )
    heads = {
        "name": _head(say("Price point")),
        "value": _head(say("Price"), "money", unit=currency),
        **_ends("", "money", unit=currency),
    }
    return Table(
        name="price_points",
        title=say("What people accept"),
        frame=frame,
        headings=heads,
    )


def price_ladder_table(study: PriceStudy, currency: str) -> Table:
    """Return buyers, revenue and profit by price."""
    frame = study.demand.curve.iloc[::4]
    heads = {
        "price": _head(say("Price"), "money", unit=currency),
        "buyers": _head(say("Would buy"), "percent"),
        **_ends("buyers", "percent"),
    }
    for name, label in (
        ("revenue", say("Revenue a person asked")),
        ("profit", say("Profit a person asked")),
    ):
        heads |= {
            name: _head(label, "money", unit=currency),
            **_ends(name, "money", unit=currency),
        }
    return Table(
        name="price_ladder",
        title=say("Buyers, revenue and profit by price"),
        frame=frame,
        headings=heads,
        rows_shown=15,
    )


def sales_table(sales: Elasticity | None) -> Table:
    """Return how real sales followed our own and the others' prices."""
    found = (
        []
        if sales is None
        else [
            (
                say("Our price, one per cent up")
                if sales.apart
                else say("Our price and its promotion, one per cent up"),
                sales.own,
            ),
            (say("The others' price, one per cent up"), sales.rival),
        ]
    )
    rows = [(name, e.value, e.low, e.high) for name, e in found if e is not None]
    frame = pd.DataFrame(rows, columns=["what", "value", "low", "high"])
    heads = {
        "what": _head(say("Change")),
        "value": _head(say("Units move by (%)"), "number", digits=2),
        **_ends("", "number", digits=2),
    }
    return Table(
        name="sales_and_prices",
        title=say("How real sales followed prices"),
        frame=frame,
        headings=heads,
    )


def product_choice(
    found: Tastes,
    plan: pd.DataFrame,
    offers: pd.DataFrame,
    *,
    day: dt.date,
    currency: str,
    promises: Promises | None = None,
) -> Finding:
    """Return the finding on features and price: what to offer, against whom, how to say it."""
    cash, best, now = (
        _cash(currency),
        plan.iloc[0],
        simulate.simulate(found, offers)[:, 0],
    )
    share, low, high = simulate.ends(now, found.sets)
    said = {
        "feature": str(best["feature"]),
        "price": cash(best["price"]),
        "share": words.percent(best["share"]),
        "low": words.percent(best["share_low"]),
        "high": words.percent(best["share_high"]),
        "now": words.percent(share),
    }
    headline = say(
        "{feature} at {price} would be chosen by {share} ({low} to {high}), against {now} for today's offer, and earns most.",
        **said,
    )
    edge = float(best["price"]) >= float(plan["price"].max())
    same = bool(
        offers["feature"].iloc[0] == best["feature"]
        and offers["price"].iloc[0] == best["price"]
    )
    action = Action(
        what=say("Keep today's offer.")
        if same
        else say(
            "Prepare {feature} at {price} and test it in one region.",
            feature=said["feature"],
            price=said["price"],
        ),
        owner=say("Product"),
        due=day + dt.timedelta(days=60),
        value=None if same else float(best["gain"] * found.sets.sample.weights.sum()),
        unit=currency,
    )
    lead, ranked = _promised(promises, day)
    hits = found.hits
    mine = max(hits["common"], hits.get("own", 0.0))
    checks = (
        _check(
            say("Choices held back"),
            mine > hits["luck"] + 0.05,
            say(
                "Of choices the fit had not seen, {mine} were foretold right; by luck it would be {luck}.",
                mine=words.percent(mine),
                luck=words.percent(hits["luck"]),
            ),
        ),
        _check(
            say("People differ"),
            None,
            say(
                "People's own tastes foretell {own} right, common tastes {common}.",
                own=words.percent(hits.get("own", np.nan)),
                common=words.percent(hits["common"]),
            ),
        ),
        _check(
            say("Best price inside the prices shown"),
            not edge,
            say(
                "The best price is the highest that was shown; whether more would earn more was not asked."
            )
            if edge
            else say("The best price lies inside the prices that were shown."),
        ),
        *ranked,
    )
    return Finding(
        room="market",
        headline=headline,
        actions=(action, *lead),
        checks=checks,
        quantity=Quantity(
            value=float(best["share"]),
            low=float(best["share_low"]),
            high=float(best["share_high"]),
            unit="share",
            confidence=0.95,
            name=say("Share of choices"),
        ),
        caveats=(
            say(
                "Everybody is taken to buy one of the products shown; those who would buy none are not in these shares."
            ),
            say(
                "The gain counts one purchase of each person that those asked stand for."
            ),
        ),
        facts={
            "share_now": share,
            "share_now_low": low,
            "share_now_high": high,
            "gain": float(best["gain"]),
        },
    )


def _promised(
    promises: Promises | None, day: dt.date
) -> tuple[tuple[Action, ...], tuple[Check, ...]]:
    if promises is None:
        return (), ()
    top, both = promises.table.iloc[0], promises.reached.iloc[1]
    lead = Action(
        what=say(
            "Lead with {item}: {share} ({low} to {high}) would name it first; {items} together matter to {reach} of people.",
            item=str(top["item"]),
            share=words.percent(top["share"]),
            low=words.percent(top["share_low"]),
            high=words.percent(top["share_high"]),
            items=words.listing(list(both["items"])),
            reach=words.percent(both["share"]),
        ),
        owner=say("Marketing"),
        due=day + dt.timedelta(days=30),
    )
    ranked = _check(
        say("Promises counted by hand"),
        promises.agreement >= 0.95,
        say(
            "The order of the promises of {people} people is nearly that of best less worst picks, simply counted.",
            people=words.number(promises.people),
        )
        if promises.agreement >= 0.95
        else say(
            "Best less worst picks of {people} people, simply counted, give another order of the promises; see which were shown seldom.",
            people=words.number(promises.people),
        ),
    )
    return (lead,), (ranked,)


def promises_table(found: Promises | None) -> Table:
    """Return what matters most, with ranges."""
    heads = {
        "item": _head(say("Promise")),
        "share": _head(say("Would name it first"), "percent"),
        **_ends("share", "percent"),
    }
    return Table(
        name="promises",
        title=say("What matters most to people"),
        frame=pd.DataFrame(columns=list(heads)) if found is None else found.table,
        headings=heads,
    )


def worths_table(table: pd.DataFrame, currency: str) -> Table:
    """Return what each level is worth in money beside its reference."""
    heads = {
        "name": _head(say("Attribute")),
        "level": _head(say("Level")),
        "value": _head(say("Worth"), "money", unit=currency),
        **_ends("", "money", unit=currency),
    }
    return Table(
        name="worths",
        title=say("What each level is worth to people"),
        frame=table.assign(name=[_part(a) for a in table["attribute"]]),
        headings=heads,
    )


def switching_table(found: Tastes, offers: pd.DataFrame) -> Table:
    """Return who gains when our price moves by a tenth."""
    heads = {
        "brand": _head(say("Brand")),
        "share": _head(say("Share of choices"), "percent"),
    }
    for name, label in (
        ("up", say("Change if we ask a tenth more")),
        ("down", say("Change if we ask a tenth less")),
    ):
        heads |= {
            name: _head(label, "percent", digits=1),
            **_ends(name, "percent", digits=1),
        }
    return Table(
        name="switching",
        title=say("Who gains and loses when our price moves"),
        frame=simulate.switching(found, offers),
        headings=heads,
    )


def plan_table(plan: pd.DataFrame, currency: str) -> Table:
    """Return feature and price by what they earn."""
    money = {"kind": "money", "unit": currency}
    heads = {
        "feature": _head(say("Feature")),
        "price": _head(say("Price"), **money),
        "cost": _head(say("Unit cost"), **money),
        "share": _head(say("Share of choices"), "percent"),
        **_ends("share", "percent"),
        "profit": _head(say("Profit a choice"), **money),
        **_ends("profit", **money),
    }
    return Table(
        name="offers",
        title=say("Features and prices by what they earn"),
        frame=plan,
        headings=heads,
        rows_shown=10,
    )


def market_trend(
    told: Trend, kept: pd.DataFrame, *, ours: str, day: dt.date, currency: str
) -> Finding:
    """Return the finding on our share: where it stands, what changed, when, what it costs."""
    cash, now = _cash(currency), told.now
    mine = told.changes[
        (told.changes["seller"] == ours) & (told.changes["found"] < SURE)
    ].sort_values("a_year", key=lambda s: s.abs(), ascending=False)
    said = {
        "share": words.percent(now.value, 1),
        "low": words.percent(now.low, 1),
        "high": words.percent(now.high, 1),
    }
    actions: list[Action] = []
    if mine.empty:
        headline = say(
            "Our share is {share} ({low} to {high}) of the market; no category shows a lasting change beyond chance.",
            **said,
        )
    else:
        top = mine.iloc[0]
        said |= {
            "category": str(top["category"]),
            "month": words.month(top["day"]),
            "size": points(100 * abs(top["size"])),
            "slow": points(100 * min(abs(top["low"]), abs(top["high"]))),
            "shigh": points(100 * max(abs(top["low"]), abs(top["high"]))),
            "year": cash(abs(top["a_year"])),
        }
        fell = top["size"] < 0
        headline = (
            say(
                "Our share is {share} ({low} to {high}); in {category} it fell by {size} points ({slow} to {shigh}) in {month}, more than chance, which costs {year} a year.",
                **said,
            )
            if fell
            else say(
                "Our share is {share} ({low} to {high}); in {category} it rose by {size} points ({slow} to {shigh}) in {month}, more than chance, which brings {year} a year.",
                **said,
            )
        )
        gained = told.changes[
            (told.changes["category"] == top["category"])
            & (told.changes["seller"] != ours)
            & (told.changes["size"] * top["size"] < 0)
        ].sort_values("luck")
        other = str(gained["seller"].iloc[0]) if len(gained) else str(say("the others"))
        what = (
            say(
                "Find out what changed in {category} about {month}, above all against {other}, and bring a plan to win it back.",
                category=said["category"],
                month=said["month"],
                other=other,
            )
            if fell
            else say(
                "Find out what worked in {category} about {month} and repeat it elsewhere.",
                category=said["category"],
                month=said["month"],
            )
        )
        actions.append(
            Action(
                what=what,
                owner=say("Strategy"),
                due=day + dt.timedelta(days=30),
                value=abs(float(top["a_year"])),
                unit=currency,
            )
        )
    months = int(told.size["amount"].notna().sum())
    checks = [
        _check(
            say("Changes beyond chance"),
            None,
            say(
                "{tested} shares were searched for a change at any date; {found} hold after allowing for the search.",
                tested=words.number(len(told.changes)),
                found=words.number((told.changes["found"] < SURE).sum()),
            ),
        ),
        _check(
            say("Season"),
            months >= 24,
            say(
                "{months} months were seen, so that the season is learnt from each month more than once.",
                months=words.number(months),
            )
            if months >= 24
            else say(
                "Only {months} months were seen; the season is learnt from single months.",
                months=words.number(months),
            ),
        ),
        _check(
            say("Growth of the market"),
            None,
            say(
                "The market grows by {value} a year ({low} to {high}), season taken out.",
                value=words.percent(told.growth.value, 1),
                low=words.percent(told.growth.low, 1),
                high=words.percent(told.growth.high, 1),
            ),
        ),
    ]
    if told.price is not None:
        own, rival = told.price.own, told.price.rival
        checks.append(
            _check(
                say("Prices and share"),
                None,
                say(
                    "One per cent on our price moved the odds of our share by {own} per cent ({low} to {high}).",
                    own=words.number(own.value, 1),
                    low=words.number(own.low, 1),
                    high=words.number(own.high, 1),
                )
                if rival is None
                else say(
                    "One per cent on our price moved the odds of our share by {own} per cent ({low} to {high}), on the others' by {rival} ({rlow} to {rhigh}).",
                    own=words.number(own.value, 1),
                    low=words.number(own.low, 1),
                    high=words.number(own.high, 1),
                    rival=words.number(rival.value, 1),
                    rlow=words.number(rival.low, 1),
                    rhigh=words.number(rival.high, 1),
                ),
            )
        )
    if len(kept):
        checks.append(
            _check(
                say("Earlier forecasts"),
                bool(kept["held"].mean() >= 0.6),
                say(
                    "{good} of {all} earlier forecasts held what came.",
                    good=words.number(kept["held"].sum()),
                    all=words.number(len(kept)),
                ),
            )
        )
    coming = pd.Timestamp(told.shares["month"].max()) + pd.DateOffset(months=1)
    quantiles = {
        q: float(now.value + 2 * now.error * z)
        for q, z in (("0.1", -1.2816), ("0.5", 0.0), ("0.9", 1.2816))
    }
    return Finding(
        room="market",
        headline=headline,
        actions=tuple(actions),
        checks=tuple(checks),
        quantity=Quantity(
            value=now.value,
            low=now.low,
            high=now.high,
            unit="share",
            confidence=0.95,
            name=say("Our share of the market"),
        ),
        caveats=(
            say(
                "What the others sell is as good as its source; ask how it was gathered."
            ),
            say("A date is when the share moved, not why."),
        ),
        predictions=(
            Prediction(
                name="market_share",
                target={"seller": ours},
                due=trend.month_end(coming.date()),
                unit="share",
                quantiles=quantiles,
            ),
        ),
        facts={"share": now.value, "growth": told.growth.value},
    )


def share_changes_table(told: Trend, currency: str) -> Table:
    """Return each share's largest step, when, how sure, and what it is worth a year."""
    frame = told.changes.assign(
        real=told.changes["found"] < SURE,
        **{c: 100 * told.changes[c] for c in ("size", "low", "high")},
    )
    heads = {
        "category": _head(say("Category")),
        "seller": _head(say("Seller")),
        "day": _head(say("Since"), "month"),
        "first": _head(say("earliest"), "month"),
        "last": _head(say("latest"), "month"),
        "size": _head(say("Change (points)"), "number", digits=1),
        **_ends("", "number", digits=1),
        "a_year": _head(say("Worth a year"), "money", unit=currency),
        "real": _head(say("More than chance")),
    }
    return Table(
        name="share_changes",
        title=say("The largest lasting change of each share"),
        frame=frame,
        headings=heads,
        rows_shown=8,
    )


def moves_table(found: pd.DataFrame, currency: str) -> Table:
    """Return what each seller asks and holds beside a year ago."""
    heads = {
        "category": _head(say("Category")),
        "seller": _head(say("Seller")),
        "price": _head(say("Price"), "money", unit=currency),
        "price_before": _head(say("a year ago"), "money", unit=currency),
        "share": _head(say("Share"), "percent", digits=1),
        "share_before": _head(say("a year ago"), "percent", digits=1),
    }
    return Table(
        name="sellers",
        title=say("What the others ask and hold"),
        frame=found,
        headings=heads,
        rows_shown=12,
    )


def option_choice(
    found: Comparison,
    steps: pd.DataFrame,
    views: pd.DataFrame,
    kept: pd.DataFrame,
    *,
    day: dt.date,
    currency: str,
) -> Finding:
    """Return the finding on options: which one, what it brings over staying, at what risk."""
    cash, best, months = (
        _cash(currency),
        found.table.iloc[0],
        found.months["month"].nunique(),
    )
    said = {
        "option": str(best["option"]),
        "more": cash(best["more"]),
        "low": cash(best["more_low"]),
        "high": cash(best["more_high"]),
        "months": words.number(months),
        "risk": chance(best["worse"]),
    }
    stays = best["option"] == found.stay
    second = found.table[found.table["option"] != found.stay].iloc[0]
    headline = (
        say(
            "No option earns more than staying as now over {months} months; the best of them, {option}, brings {more} ({low} to {high}).",
            **{
                **said,
                "option": str(second["option"]),
                "more": cash(second["more"]),
                "low": cash(second["more_low"]),
                "high": cash(second["more_high"]),
            },
        )
        if stays
        else say(
            "{option} brings {more} ({low} to {high}) more profit over {months} months than staying as now; the chance that it brings less is {risk}.",
            **said,
        )
    )
    shown = second if stays else best
    mine = (
        views[views["option"] == best["option"]]
        if len(views)
        else pd.DataFrame(columns=["department", "view", "reason"])
    )
    against = mine[mine["view"] == "against"]
    said |= {
        "for": words.number((mine["view"] == "for").sum()),
        "with": words.number((mine["view"] == "with conditions").sum()),
        "against": words.number(len(against)),
    }
    checks = [
        _check(
            say("Clear of staying as now"),
            best["worse"] <= 0.1,
            say(
                "In {share} of the draws {option} is the most profitable of all options.",
                share=words.percent(best["best"]),
                option=said["option"],
            ),
        ),
        _check(
            say("Departments"),
            None if mine.empty else against.empty,
            say(
                "Departments on {option}: {for} for it, {with} with conditions, {against} against.",
                **said,
            )
            if len(mine)
            else say("No department has judged {option} yet.", **said),
        ),
        _check(
            say("Sellers not asked about"),
            found.unknown <= 0.25,
            say(
                "{share} of the sales of {category} are with sellers that people were not asked about; they keep their share.",
                share=words.percent(found.unknown),
                category=found.category,
            ),
        ),
    ]
    checks.append(_answered(found))
    if len(kept):
        checks.append(
            _check(
                say("Earlier forecasts"),
                bool(kept["held"].mean() >= 0.6),
                say(
                    "{good} of {all} earlier forecasts held what came.",
                    good=words.number(kept["held"].sum()),
                    all=words.number(len(kept)),
                ),
            )
        )
    plan = steps[steps["option"] == best["option"]].sort_values("starts")
    actions = tuple(
        Action(
            what=say(
                "{option}, step {step}: {feature} at {price}.",
                option=said["option"],
                step=str(row.step),
                feature=str(row.feature),
                price=cash(row.price),
            ),
            owner=Text(str(row.owner)),
            due=max(day, pd.Timestamp(row.starts).date()),
            value=float(best["more"]) if k == 0 else None,
            unit=currency,
        )
        for k, row in enumerate(plan.itertuples())
        if not stays
    )
    course = found.months[
        found.months["month"].isin(sorted(found.months["month"].unique())[:3])
    ]
    predictions = tuple(
        Prediction(
            name="option_share",
            target={"option": str(m.option)},
            due=trend.month_end(m.month.date()),
            unit="share",
            quantiles={
                q: float(m.share + z * np.hypot((m.high - m.low) / 3.29, SWING))
                for q, z in (("0.1", -1.2816), ("0.5", 0.0), ("0.9", 1.2816))
            },
        )
        for m in course.itertuples()
    )
    return Finding(
        room="market",
        headline=headline,
        actions=actions,
        checks=tuple(checks),
        predictions=predictions,
        quantity=Quantity(
            value=float(shown["more"]),
            low=float(shown["more_low"]),
            high=float(shown["more_high"]),
            unit=currency,
            confidence=0.9,
            name=say("More profit than staying as now"),
        ),
        caveats=(
            say(
                "The others are taken to follow {low} to {high} of a price move of ours and to keep their features; see what they did before on the market page.",
                low=words.percent(found.ahead.follow[0]),
                high=words.percent(found.ahead.follow[1]),
            ),
            say(
                "Costs, spend and reach are the assumptions written in the options table."
            ),
        ),
        facts={"more": float(best["more"]), "worse": float(best["worse"])},
    )


def _answered(found: Comparison) -> Check:
    """Return whether the same option is best however the others answer."""
    tops = []
    for share in (0.0, 1.0):
        revenue, cost = options.followed(found, share)
        table = options.weigh_up(revenue, cost, found.spend, stay=found.stay)
        tops.append(str(table["option"].iloc[0]))
    keep, follow = tops
    return _check(
        say("The others' answer"),
        keep == follow,
        say(
            "{option} earns most whether the others keep their prices or follow ours in full.",
            option=keep,
        )
        if keep == follow
        else say(
            "{keep} earns most if the others keep their prices, {follow} if they follow ours in full.",
            keep=keep,
            follow=follow,
        ),
    )


def option_ranges_table(found: Comparison, currency: str) -> Table:
    """Return the ranges of each option's share, revenue and profit."""
    money = {"kind": "money", "unit": currency}
    heads = {
        "option": _head(say("Option")),
        "share": _head(say("Share"), "percent", digits=1),
        **_ends("share", "percent", digits=1),
        "revenue": _head(say("Revenue"), **money),
        **_ends("revenue", **money),
        "profit": _head(say("Profit"), **money),
        **_ends("profit", **money),
    }
    return Table(
        name="option_ranges",
        title=say("The ranges of share, revenue and profit"),
        frame=found.table,
        headings=heads,
    )


def options_table(found: Comparison, views: pd.DataFrame, currency: str) -> Table:
    """Return options by added profit and risk, with who judged them how."""
    money = {"kind": "money", "unit": currency}
    judged = pd.crosstab(views["option"], views["view"])
    judged = judged.reindex(
        index=found.table["option"], columns=list(_VIEWS), fill_value=0
    )
    heads = {
        "option": _head(say("Option")),
        "more": _head(say("Over staying"), **money),
        **_ends("more", **money),
        "worse": _head(say("Chance of less"), "percent"),
        "bad": _head(say("Bad case"), **money),
        **{v: _head(label, "number", digits=0) for v, label in _VIEWS.items()},
    }
    return Table(
        name="options",
        title=say("Options side by side, on the same draws"),
        frame=found.table.merge(judged, left_on="option", right_index=True),
        headings=heads,
    )


def views_table(found: Comparison, views: pd.DataFrame) -> Table:
    """Return what each department thinks of each option, best option first."""
    order = {o: k for k, o in enumerate(found.table["option"])}
    frame = views.assign(
        told=[_VIEWS.get(v, Text(str(v))) for v in views["view"]],
        at=views["option"].map(order),
    ).sort_values(["at", "department"])
    heads = {
        "option": _head(say("Option")),
        "department": _head(say("Department")),
        "told": _head(say("Judgement")),
        "reason": _head(say("Reason")),
    }
    return Table(
        name="judgements",
        title=say("What the departments think"),
        frame=frame,
        headings=heads,
    )


def profits_table(table: pd.DataFrame, currency: str) -> Table:
    """Return options by profit and risk only, for the what-if."""
    money = {"kind": "money", "unit": currency}
    heads = {
        "option": _head(say("Option")),
        "profit": _head(say("Profit"), **money),
        "more": _head(say("More than staying"), **money),
        "worse": _head(say("Chance of less"), "percent"),
    }
    return Table(
        name="profits", title=say("Options by profit"), frame=table, headings=heads
    )


def steps_table(steps: pd.DataFrame, currency: str) -> Table:
    """Return the options as they were described: steps, dates, assumptions."""
    money = {"kind": "money", "unit": currency}
    heads = {
        "option": _head(say("Option")),
        "step": _head(say("Step"), "number"),
        "starts": _head(say("Starts"), "day"),
        "owner": _head(say("Department")),
        "feature": _head(say("Feature")),
        "price": _head(say("Price"), **money),
        "unit_cost": _head(say("Unit cost"), **money),
        "spend": _head(say("Spend once"), **money),
        "reach": _head(say("Buyers who can get it"), "percent"),
    }
    return Table(
        name="option_steps",
        title=say("Steps, dates and assumptions"),
        frame=steps.sort_values(["option", "step"]),
        headings=heads,
    )


def happened_table(kept: pd.DataFrame) -> Table:
    """Return what was foretold of the chosen option beside what came."""
    heads = {
        "option": _head(say("Option")),
        "due": _head(say("Month"), "month"),
        "low": _head(say("at least"), "percent", digits=1),
        "middle": _head(say("Share foretold"), "percent", digits=1),
        "high": _head(say("at most"), "percent", digits=1),
        "actual": _head(say("What came"), "percent", digits=1),
        "held": _head(say("Held")),
    }
    return Table(
        name="what_happened",
        title=say("The chosen option, foretold and come"),
        frame=kept,
        headings=heads,
    )


def chance(share: float) -> Text:
    """Write a chance from draws; none seen in hundreds is under one per cent, not nil."""
    return say("under 1%") if share < 0.01 else words.percent(share)


def points(value: float) -> Text:
    """Write a score in points."""
    return words.number(round(float(value), 1) + 0.0, 1 if abs(value) < 10 else 0)


def _cash(currency: str) -> Callable[[float], Text]:
    return lambda x: words.money(
        float(x) if abs(x) < 1000 else float(f"{x:.3g}"),
        currency,
        2 if abs(x) < 100 else None,
    )


def _effect(book: Crosstab) -> float:
    """Return the variance of the recommendation score over that of a simple sample."""
    at = book.rows.reset_index().set_index(["question", "label"])["index"]
    up, down = (
        book.share[at["recommend", f"@{side}"], 0]
        for side in ("promoters", "detractors")
    )
    people = book.bases["people"][book.rows.loc[at["recommend", "@score"], "at"], 0]
    simple = 1e4 * (up + down - (up - down) ** 2) / people
    return float(book.error[at["recommend", "@score"], 0] ** 2 / max(simple, 1e-9))


def _cells(
    values: npt.NDArray[np.float64], kinds: pd.Series, rounding: str
) -> list[str]:
    """Return the cells of one question and column; shares of all add up where asked."""
    shares = (kinds == SHARE).to_numpy()
    whole = np.isfinite(values[shares]).all() and abs(values[shares].sum() - 1) < 1e-6
    way = "half_up" if rounding == "adding_up" and not whole else rounding
    out = [_cell(v, k, way) for v, k in zip(values, kinds, strict=True)]
    if way == "adding_up":
        for k, r in zip(
            np.flatnonzero(shares), rounded(values[shares], way), strict=True
        ):
            out[k] = f"{r:.0f}%"
    return out


def _cell(value: float, kind: str, way: str = "half_up") -> str:
    if not np.isfinite(value):
        return "–"
    if kind == POINTS:
        return f"{round(value) + 0:.0f}"
    way = "half_up" if way == "adding_up" else way
    return f"{value:.2f}" if kind == MEAN else f"{rounded([value], way)[0]:.0f}%"


def _flag(n: float) -> str:
    return " **" if n < TINY else " *" if n < SMALL else ""


def _label(label: str) -> Text:
    known = {
        "@top": say("Top two"),
        "@bottom": say("Bottom two"),
        "@any": say("Any of these"),
        "@mean": say("Mean"),
        "@promoters": say("Recommend (9 or 10)"),
        "@passives": say("Neither (7 or 8)"),
        "@detractors": say("Warn (0 to 6)"),
        "@score": say("Recommendation score"),
    }
    return known.get(label, Text(label))


def _part(name: str) -> Text:
    known = {
        "quality": say("quality"),
        "service": say("service"),
        "value": say("value for money"),
        "price": say("price"),
        "variety": say("variety"),
        "delivery": say("delivery"),
        "age_group": say("age group"),
        "brand": say("Brand"),
        "feature": say("Feature"),
        "region": say("region"),
        "survey": say("wave"),
    }
    return known.get(name, Text(str(name)))


def _convention(name: str) -> Text:
    return {
        "effective": say("effective bases, pooled"),
        "weighted": say("weighted counts, rounded"),
        "unweighted": say("people asked, not weighted"),
    }.get(name, Text(name))


def _owner(part: str) -> Text:
    return {
        "service": say("Customer care"),
        "value": say("Pricing"),
        "price": say("Pricing"),
    }.get(part, say("Product"))


def _check(name: Text, passed: bool | None, sentence: Text) -> Check:
    return Check(
        name=name, passed=None if passed is None else bool(passed), sentence=sentence
    )


def _ends(
    name: str, kind: str = "text", unit: str = "", digits: int | None = None
) -> dict[str, Heading]:
    stem = f"{name}_" if name else ""
    return {
        f"{stem}{e}": _head(label, kind, unit, digits)
        for e, label in (("low", say("at least")), ("high", say("at most")))
    }
