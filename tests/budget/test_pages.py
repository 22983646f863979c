"""What the pages say: numbers, both languages, plain words, planted truth, sliders."""

import datetime as dt
import re

import numpy as np
import pandas as pd
import pytest

from opslib import budget
from opslib.budget import answer, cash, charts, controls, outlook, track
from opslib.demo import money
from opslib.findings import Finding, Table

DAY = dt.date(2026, 6, 28)
TRADE = re.compile(
    r"\b(WAPE|Brier|Kupiec|CUSUM|EWMA|fractile|quantile|Sobol|Monte Carlo|lognormal|copula)\b",
    re.I,
)
NOBODY = pd.DataFrame(columns=["run_day", "due", "month", "q0.1", "q0.5", "q0.9"])


@pytest.fixture(scope="module")
def risk(year, books):
    told, trust, choices = year
    return answer.risk(
        told, books, trust, choices, bearable=0.1, day=DAY, currency="GBP"
    )


@pytest.fixture(scope="module")
def flows(tables):
    return {
        n: tables[n]
        for n in (
            "cash_days",
            "receivables",
            "payables",
            "dated_payments",
            "loans",
            "exchange_rates",
        )
    }


@pytest.fixture(scope="module")
def coming(flows, sold):
    return cash.foresee(flows, day=DAY, points=256, revenue=sold)


def _plain(finding):
    texts = [finding.headline, *finding.caveats]
    texts += [t for c in finding.checks for t in (c.name, c.sentence)]
    texts += [t for a in finding.actions for t in (a.what, a.owner)]
    for text in texts:
        assert not TRADE.search(text.en), text.en
        assert not re.search(r"\d\.\d{5,}|\bnan\b|\bNone\b|\{", text.en), text.en
    assert re.search(r"[\u4e00-\u9fff]", finding.headline.zh)
    for check in finding.checks:
        assert re.search(r"[\u4e00-\u9fff]", check.sentence.zh), check.sentence.en
    assert Finding.from_dict(finding.to_dict()).headline.en == finding.headline.en


def test_the_risk_page_says_where_the_year_ends_and_what_ties(risk, year):
    told = year[0]
    _plain(risk)
    assert risk.quantity.low < risk.quantity.value < risk.quantity.high
    assert risk.quantity.value == pytest.approx(told.draws.total.mean(), rel=1e-3)
    ties = next(c for c in risk.checks if c.name.en == "Parts tie to the whole")
    assert ties.passed
    whole = told.draws.by_line[:, told.draws.signs > 0].sum(axis=1)
    assert np.allclose(whole, told.draws.total.ravel())
    revenue = told.table["kind"] == "revenue"
    sales = risk.facts["year_end_sales"]
    assert sales == pytest.approx(told.table.loc[revenue, "forecast"].sum(), rel=0.02)
    assert risk.facts["year_end_sales_low"] < sales < risk.facts["year_end_sales_high"]
    assert {p.name for p in risk.predictions} == {
        "month_spending",
        "year_spending",
        "year_over_plan",
        "budget_version",
    }


def test_the_risk_page_names_the_planted_overruns(risk, year):
    told = year[0]
    chance = told.table.set_index("line")["chance_over"]
    for line in money.OVERRUN:
        assert chance[line] > 0.5, line
    assert "Freight" in " ".join(a.what.en for a in risk.actions)


def test_the_page_says_so_where_a_plain_method_wins(year, books):
    told, trust, choices = year
    for method, passed in (("ours", True), ("index", False)):
        race = trust.race.assign(
            error=np.where(trust.race["method"] == method, 0.0, 0.1)
        )
        race = race.sort_values("error", ignore_index=True)
        said = answer.risk(
            told,
            books,
            track.Trust(**{**vars(trust), "race": race, "method": track.winner(race)}),
            choices,
            bearable=0.1,
            day=DAY,
            currency="GBP",
        )
        check = next(c for c in said.checks if c.name.en == "Nearest method")
        assert check.passed is passed


def test_tables_and_charts_hold_no_raw_names(year, books, sold):
    told, trust, choices = year
    made = [
        answer.line_table(told, "GBP"), answer.department_table(told, "GBP"), answer.trigger_table(choices, "GBP"), answer.view_table(told, choices, "GBP"),
        answer.origin_table(outlook.origins(told, sold)), answer.alarm_table(told, false_alarms=0.5), answer.race_table(trust), answer.past_table(trust, "GBP"),
    ]  # fmt: skip
    for table in made:
        assert isinstance(table, Table)
        assert set(table.headings) <= set(table.frame.columns), table.name
        assert len(table.frame), table.name
        assert not TRADE.search(
            " ".join([table.title.en, *(h.label.en for h in table.headings.values())])
        )
    figures = [
        charts.year_path(told, books, "GBP"),
        charts.lines_against_budget(told),
        charts.drivers(told),
        charts.swings(told, "GBP"),
        charts.plan_to_forecast(told, "GBP"),
        charts.sales_bridge(pd.DataFrame(columns=["step", "amount"]), "GBP"),
    ]
    assert all(f.layout.title.text for f in figures)


def test_trust_is_scored_on_what_was_known_then(tables, books):
    late = tables["actuals"].copy()
    late.loc[late["month"] >= "2026-01-01", "amount"] *= 3
    past = track.past_outlooks(tables["budget_lines"], tables["actuals"], books)
    again = track.past_outlooks(tables["budget_lines"], late, books)
    assert set(past["closed"]) == {3, 5, 7, 9}
    assert past["forecast"].to_numpy() == pytest.approx(again["forecast"].to_numpy())
    bands = track.month_bands(books)
    assert len(bands) >= 10
    changed = outlook.Books(
        **{
            **vars(books),
            "past": np.hstack([books.past[:, :-1], 9 * books.past[:, -1:]]),
        }
    )
    again = track.month_bands(changed)
    assert np.allclose(bands["low"], again["low"])


def test_the_controllers_own_estimate_races_where_every_year_had_one(tables, books):
    race = track.past_race(tables["budget_lines"], tables["actuals"], books)
    assert "own estimate" in set(race["method"])
    revised = tables["budget_lines"].query("version == '2026 revised'")
    sums = revised.groupby(outlook.KEY)["amount"].sum()
    want = sums.reindex(pd.MultiIndex.from_frame(books.units)).to_numpy()
    assert books.estimate == pytest.approx(want)
    told = outlook.outlook(books, method="own estimate", points=16)
    assert told.table["forecast"].sum() == pytest.approx(want.sum(), rel=0.02)
    first = tables["budget_lines"].query("version != '2025 revised'")
    race = track.past_race(first, tables["actuals"], books)
    assert "own estimate" not in set(race["method"])


def test_earlier_pages_are_scored_with_the_months_that_came(tables):
    spent = (
        tables["actuals"].query("kind != 'revenue'").groupby("month")["amount"].sum()
    )
    may = float(spent[pd.Timestamp("2026-05-01")])
    rows = [
        ("2026-04-30", "2026-05-01", 0.9 * may, may, 1.1 * may),
        ("2026-05-20", "2026-05-01", 2 * may, 3 * may, 4 * may),
        ("2026-05-20", "2026-09-01", 1.0, 2.0, 3.0),
    ]
    record = pd.DataFrame(rows, columns=["run_day", "month", "q0.1", "q0.5", "q0.9"])
    got = track.kept(record, tables["actuals"])
    assert got["held"].tolist() == [False], (
        "the latest page counts; September has not come"
    )
    assert track.kept(NOBODY, tables["actuals"]).empty


def test_scenarios_start_from_the_page_and_move_the_right_way(year, tables):
    told = year[0]
    what_if = controls.scenario(told, tables["payables"], own="GBP")
    frames = {
        str(c): what_if.compute(
            **({"sales": 0.0, "price": 0.0, "rate": 0.0, "hires": 0.0} | c)
        ).table.frame
        for c in what_if.cases
    }
    base = frames["{}"]
    assert np.allclose(base["change"], 0)
    assert base["now"].iloc[3] == pytest.approx(told.draws.total.mean())
    ends = {k: f["then"].iloc[3:].tolist() for k, f in frames.items()}
    assert ends["{'sales': -0.1}"][0] < ends["{}"][0]
    assert ends["{'sales': -0.1}"][1] < ends["{}"][1]
    assert ends["{'price': 0.05}"][0] == ends["{}"][0]
    assert ends["{'rate': 0.1}"][1] < ends["{}"][1]
    assert ends["{'hires': 3}"][0] > ends["{}"][0]
    share = controls.foreign_share(
        pd.DataFrame({"amount": [1.0, 3.0], "currency": ["EUR", "GBP"]}), "GBP"
    )
    assert share == 0.25


def test_the_cash_page_counts_every_month_end_and_sizes_the_credit(
    coming, flows, tables
):
    trust = cash.Trust(
        past=cash.past(flows, day=DAY, dates=4),
        kept=cash.kept(NOBODY, flows["cash_days"], day=DAY),
    )
    said = answer.cash(
        coming,
        trust,
        tables["receivables"],
        credit=0.0,
        bearable=0.01,
        day=DAY,
        currency="GBP",
    )
    _plain(said)
    short = budget.shortage(coming)
    assert said.quantity.value == pytest.approx(short["by_then"].iloc[-1])
    assert short["by_then"].iloc[-1] >= short["alone"].max()
    need = said.facts["needed"]
    eased = budget.shortage(coming, headroom=need)["by_then"].iloc[-1]
    assert eased <= 0.0105
    for table in (
        answer.cash_table(coming, credit=0.0, currency="GBP"),
        answer.headroom_table(coming, currency="GBP"),
        answer.source_table(coming, "GBP"),
        answer.cash_past_table(trust, "GBP"),
        answer.origin_table(cash.origins(coming)),
    ):
        assert set(table.headings) <= set(table.frame.columns)
    assert charts.cash_weeks(coming, "GBP").layout.title.text
    assert charts.cash_chance(coming, credit=0.0).layout.title.text


@pytest.mark.parametrize(("carried", "left"), [(0, 1.0), (0.06, 0.8), (0.3, 0.2)])
def test_variance_that_draws_of_sales_carry_is_taken_out_of_receipts(carried, left):
    off = np.tile(np.repeat([0.1, -0.1], 28), 6)
    factors = 1 + carried * np.tile([[1.0], [-1.0]], (50, 26))
    assert cash._own_share(off, factors) == pytest.approx(left)


def test_owners_drawings_are_known_by_their_size_and_never_a_shortage(flows):
    days = flows["cash_days"].assign(day=pd.to_datetime(flows["cash_days"]["day"]))
    days = days.sort_values("day").reset_index(drop=True)
    plain = cash.foresee(flows | {"cash_days": days}, day=DAY, points=64)
    taken = 40 * float(days["inflow"].tail(364).mean())
    at = days["day"].isin(pd.to_datetime(["2025-09-30", "2026-03-31"]))
    more = days.assign(
        outflow=days["outflow"] + taken * at,
        closing=days["closing"] - taken * at.cumsum(),
    )
    drawn = cash.foresee(flows | {"cash_days": more}, day=DAY, points=64)
    new = drawn.drawings.index.difference(plain.drawings.index)
    assert {f"{d:%m-%d}" for d in new} <= {"09-30", "03-31"}
    assert drawn.drawings.sum() > plain.drawings.sum() + 1.5 * taken
    gone = float(plain.weeks[:, -1].mean() - drawn.weeks[:, -1].mean())
    assert gone == pytest.approx(2 * taken, rel=0.05), "the start, not the flow"
    assert (drawn.taken >= 0).all()
    assert (np.diff(drawn.taken, axis=1) >= -1e-9).all()


def test_balances_of_earlier_pages_are_scored_once_they_are_due(flows):
    days = flows["cash_days"].assign(day=pd.to_datetime(flows["cash_days"]["day"]))
    fact = float(days.set_index("day")["closing"].loc["2026-05-31"])
    rows = [
        ("2026-04-01", "2026-05-31", 0.5 * fact, fact, 2 * fact),
        ("2026-05-03", "2026-05-31", 2 * fact, 3 * fact, 4 * fact),
        ("2026-06-01", "2026-08-31", 1.0, 2.0, 3.0),
    ]
    record = pd.DataFrame(rows, columns=["run_day", "due", "q0.1", "q0.5", "q0.9"])
    got = cash.kept(record, flows["cash_days"], day=DAY)
    assert got["held"].tolist() == [False], (
        "the latest page counts; August has not come"
    )
    assert got["fact"].tolist() == [fact]
    said = answer._kept_checks(got)[0].sentence.en
    assert said.startswith("0 of 1 balances")


def test_cash_sliders_move_the_chance_the_right_way(coming, tables):
    what_if = controls.headroom(coming, tables["payables"], own="GBP", credit=0.0)
    start = {"sales": 0.0, "delay": 0.0, "rate": 0.0, "more": 0.0}

    def least(**turned):
        return what_if.compute(**(start | turned)).table.frame["low"].min()

    assert least(sales=-0.2) < least()
    assert least(delay=30) < least()
    assert least(rate=0.2) < least()
    assert budget.shortage(coming)["low"].min() == pytest.approx(least())


def test_cash_at_earlier_dates_does_not_look_ahead(flows):
    told = cash.past(flows, day=DAY, dates=3)
    days = flows["cash_days"]
    origin = told["origin"].max()
    after = pd.to_datetime(days["day"]) > origin
    changed = flows | {
        "cash_days": days.assign(
            closing=days["closing"].where(~after, 1.0),
            outflow=days["outflow"].where(~after, 9.0),
        )
    }
    again = cash.past(changed, day=DAY, dates=3)
    newest = told["origin"] == origin
    assert np.allclose(told.loc[newest, "low"], again.loc[newest, "low"])
    assert set(told["week"]) == {4, 8, 13}


def test_the_control_page_keeps_people_out(tables, books):
    asked, limits = tables["spending_requests"], tables["authority_limits"]
    broken = budget.breaches(asked, limits, day=DAY)
    room = budget.left(books, asked, tables["commitments"], day=DAY)
    queue = budget.waiting(asked, limits, room, day=DAY)
    said = answer.control(broken, room, queue, asked, limits, day=DAY, currency="GBP")
    _plain(said)
    assert said.quantity.low == pytest.approx(
        asked.set_index("request")
        .loc[["Q0020", "Q0090", "Q0120", "Q0121"], "amount"]
        .sum()
    )
    split = broken.loc[broken["kind"] == "split", "amount"].sum()
    bare = answer.control(
        broken, room, queue, asked, limits.head(0), day=DAY, currency="GBP"
    )
    assert not bare.checks[0].passed
    assert set(budget.breaches(asked, limits.head(0), day=DAY)["kind"]) == {
        "unapproved"
    }
    assert said.quantity.high == pytest.approx(said.quantity.low + split)
    shown = [
        answer.breach_table(broken, "GBP"),
        answer.room_table(room, "GBP"),
        answer.queue_table(queue, "GBP"),
    ]
    for table in shown:
        assert "requester" not in table.headings
        assert "requester" not in table.frame
    assert charts.room_left(room).layout.title.text


def test_the_draft_page_says_what_the_target_asks_and_what_broke(tables, books):
    growth = np.random.default_rng(3).normal(-0.02, 0.02, 400)
    made, trust = budget.next_year(
        tables["budget_lines"],
        tables["actuals"],
        books,
        demand=growth,
        goals=tables["goals"],
        target=0.10,
        trust_target=0.5,
        inflation=0.0,
    )
    came = budget.check_return(
        tables["budget_lines"], made, version="", record=pd.DataFrame(), day=DAY
    )
    said = answer.draft(made, came, trust, day=DAY, currency="GBP")
    _plain(said)
    reach = next(
        c for c in said.checks if c.name.en == "The target is within reach of demand"
    )
    assert reach.passed is False
    edited = made.cells.assign(version="e", amount=made.cells["amount"] + 1)
    plans = pd.concat([tables["budget_lines"], edited], ignore_index=True)
    wrong = budget.check_return(
        plans, made, version="e", record=pd.DataFrame(), day=DAY
    )
    said = answer.draft(made, wrong, trust, day=DAY, currency="GBP")
    assert not said.checks[0].passed
    refused = next(a.what.en for a in said.actions if "it is refused" in a.what.en)
    assert re.search(r"Look at \w+![A-Z]+\d+", refused)
    tables_shown = [
        answer.draft_table(made, "GBP"),
        answer.growth_table(made, "GBP"),
        answer.quarter_table(made, "GBP"),
        answer.tie_table(wrong.ties, "GBP"),
        answer.version_table(came.versions, "GBP"),
    ]
    assert all(set(t.headings) <= set(t.frame.columns) for t in tables_shown)
    assert charts.draft_months(made, "GBP").layout.title.text
    slider = controls.draft(made, own="GBP")
    assert (
        slider.compute(growth=0.0, goods_price=0.0, expenses=0.0).headline.en
        != slider.compute(growth=0.1, goods_price=0.0, expenses=0.0).headline.en
    )


def test_before_the_first_close_of_a_year_the_page_answers(tables, sold):
    """In January nothing of the year is booked; all twelve months are drawn."""
    day = dt.date(2025, 1, 31)
    plans, actuals = tables["budget_lines"], tables["actuals"]
    books = budget.open_books(plans, actuals, day=day)
    assert (books.closed, books.year.year) == (0, 2025)
    told, trust = budget.year_end(
        plans, actuals, books, record=NOBODY, sales=sold, points=64
    )
    assert (told.table["spent"] == 0).all()
    assert len(told.months) == 12
    choices = budget.choices(
        told, books, overrun_cost=0.5, cut=0.1, cut_cost=0.2, weight=0.25
    )
    said = answer.risk(
        told, books, trust, choices, bearable=0.1, day=day, currency="GBP"
    )
    _plain(said)
    assert "No month of this year is closed yet" in " ".join(c.en for c in said.caveats)
    low, high = said.quantity.low, said.quantity.high
    fact = actuals[
        (pd.to_datetime(actuals["month"]).dt.year == 2025)
        & (actuals["kind"] != "revenue")
    ]
    assert low < fact["amount"].sum() < high
    assert not answer.alarm_table(told, false_alarms=0.5).frame["alarm"].any()
    assert charts.year_path(told, books, "GBP").layout.title.text


def test_before_the_first_close_history_and_plan_are_met_half_way():
    """10 a month so far and 12 planned: 132 for the year, their distance is doubt."""
    books = outlook.Books(
        units=pd.DataFrame(
            {"line": ["Rent"], "kind": ["expense"], "department": ["Sales"]}
        ),
        past=np.full((1, 24), 10.0),
        months=pd.date_range("2024-01-01", periods=24, freq="MS"),
        plan=np.full((1, 12), 12.0),
        version="2026",
        year=pd.Timestamp("2026-01-01"),
        closed=0,
    )
    spent, rest, error = outlook.rest_of_year(books)
    assert spent.tolist() == [0.0]
    assert rest[0] == pytest.approx(132, rel=1e-6)
    assert error[0] == pytest.approx(12 / 132, rel=0.1)


def test_a_year_that_is_over_is_refused_with_the_way_out(tables):
    books = budget.open_books(
        tables["budget_lines"], tables["actuals"], day=dt.date(2026, 6, 28)
    )
    over = outlook.Books(**{**vars(books), "closed": 12})
    with pytest.raises(ValueError, match=r"all 12 months of 2026 are closed.*as_of"):
        outlook.rest_of_year(over)
