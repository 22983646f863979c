"""The budget as a tree, its draft and its control: ties, planted breaches, refusals."""

import dataclasses
import datetime as dt
import io

import numpy as np
import openpyxl
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from opslib import budget, places
from opslib.budget.plan import control, draft, form, tree
from opslib.warehouse import intake, open_store

DAY = dt.date(2026, 6, 28)


@pytest.fixture(scope="module")
def made(tables, books):
    growth = np.random.default_rng(3).normal(0.03, 0.04, 400)
    return budget.next_year(
        tables["budget_lines"], tables["actuals"], books, demand=growth, goals=tables["goals"],
        target=0.07, trust_target=0.5, inflation=0.02,
    )[0]  # fmt: skip


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 10**9), min_size=1, max_size=5),
    st.lists(st.floats(0.01, 10), min_size=12, max_size=12),
)
def test_spread_ties_to_the_cent(cents, shares):
    totals = np.array(cents) / 100
    got = tree.spread(totals, np.tile(shares, (len(totals), 1)))
    assert np.array_equal(np.round(got.sum(axis=1) * 100), np.array(cents))
    assert (got >= 0).all()


def test_spread_refuses_negative_shares():
    with pytest.raises(ValueError, match="must not be negative"):
        tree.spread(np.array([1.0]), np.array([[1.0, -1.0]]))


def test_draft_follows_targets_demand_and_prices_and_ties(made, books):
    kind = made.table["kind"]
    assert made.chosen == pytest.approx(0.5 * 0.07 + 0.5 * made.demand.mean())
    growth = made.table.set_index("line")["growth"]
    assert growth["Sales of goods"] == pytest.approx(made.chosen, abs=1e-4)
    assert growth["Cost of goods"] == pytest.approx(
        (1 + made.chosen) * 1.02 - 1, abs=1e-4
    )
    assert growth["Travel"] == pytest.approx(0.02, abs=1e-3)
    sums = made.cells.groupby(tree.KEY)["amount"].sum().round(2)
    want = made.table.set_index(tree.KEY)["total"]
    assert np.allclose(sums.reindex(want.index), want, atol=0.001)
    assert set(made.cells["month"].dt.year) == {2027}
    assert made.cells["adopted"].isna().all()
    assert made.revenue.mean() == pytest.approx(
        made.table.loc[kind == "revenue", "expected"].sum(), rel=0.01
    )


def test_draft_takes_the_goals_where_there_are_any(tables):
    goals = pd.DataFrame(
        {
            "measure": ["sales"] * 2,
            "month": ["2027-01-01", "2026-01-01"],
            "target": [110.0, 5.0],
        }
    )
    assert draft.target_growth(goals, 100.0, year=2027, otherwise=0.5) == pytest.approx(
        0.1
    )
    assert draft.target_growth(goals.head(0), 100.0, year=2027, otherwise=0.5) == 0.5


def test_months_follow_the_past_only_where_years_agree(books):
    shares = draft.profile(books)
    assert np.allclose(shares.mean(axis=1), 1, atol=0.02)
    rent = (books.units["line"] == "Rent").to_numpy()
    sales = (books.units["kind"] == "revenue").to_numpy()
    assert shares[rent].std() < 1e-9
    assert shares[sales].std() > 0.05


def test_growth_that_demand_supports_is_recovered():
    past = np.full((20, 104), 10.0)
    past[:, 52:] = 12.0
    paths = np.random.default_rng(1).poisson(13.2, (20, 200, 26))
    got = budget.growth_draws(past, paths, np.full(20, 3.0), shared=0.04)
    assert got.mean() == pytest.approx(0.1, abs=0.005)
    assert got.std() == pytest.approx(0.04 * 1.1, rel=0.1)
    with pytest.raises(ValueError, match="past weeks of demand"):
        budget.growth_draws(past[:, :30], paths, np.ones(20), shared=0.0)


def test_an_edited_draft_is_held_to_the_sums_that_were_sent(made, tables, tmp_path):
    file = tmp_path / "draft.xlsx"
    made.cells.to_excel(file, index=False)
    back = pd.read_excel(file).assign(version="2027 edited")
    plans = pd.concat([tables["budget_lines"], back], ignore_index=True)
    fine = budget.check_return(
        plans, made, version="2027 edited", record=pd.DataFrame(), day=DAY
    )
    assert fine.ties["tied"].all()
    travel = plans.index[
        (plans["version"] == "2027 edited") & (plans["line"] == "Travel")
    ]
    plans.loc[travel[0], "amount"] += 10
    plans.loc[travel[1], "amount"] -= 10
    moved = budget.check_return(
        plans, made, version="2027 edited", record=pd.DataFrame(), day=DAY
    )
    assert moved.ties["tied"].all(), "a quarter's months may be moved"
    plans.loc[travel[5], "amount"] += 3
    broken = budget.check_return(
        plans, made, version="2027 edited", record=pd.DataFrame(), day=DAY
    )
    wrong = broken.ties[~broken.ties["tied"]]
    assert set(wrong["gap"]) == {3.0}
    assert len(wrong) == 3, "the kind, the department, the quarter"
    with pytest.raises(ValueError, match="no version 'x' was loaded"):
        budget.returned(plans, made, version="x")
    with pytest.raises(ValueError, match="keep the lines of the draft"):
        budget.returned(plans[plans["line"] != "Rent"], made, version="2027 edited")


def _load_back(sent, made, language):
    """Load a workbook through the intake as a company would, and read what came in."""
    raw = places.raw("firm")
    raw.mkdir(parents=True, exist_ok=True)
    (raw / "budget_form.xlsx").write_bytes(form.workbook(made, language))
    path = places.company_home("firm") / "budget_form.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    told = form.mapping(sent, language) | {"files": "budget_form.xlsx"}
    path.write_text(yaml.safe_dump(told, allow_unicode=True), "utf-8")
    done = intake.load("firm", path).deliveries[0]
    with open_store("firm") as store:
        return done, store.read("budget_lines")


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_workbook_of_departments_comes_back_through_the_intake(
    made, home, language
):
    renamed = made.cells.assign(version="2027 agreed")
    done, back = _load_back(made, dataclasses.replace(made, cells=renamed), language)
    assert done.loaded == {"budget_lines": len(made.cells)}
    assert set(back["version"]) == {"2027 agreed"}
    came = draft.check_return(
        back, made, version="2027 agreed", record=pd.DataFrame(), day=DAY
    )
    assert came.ties["tied"].all()
    assert set(came.ties["cells"]) == {""}


def test_a_changed_cell_is_refused_and_named_as_it_stands_in_the_workbook(made):
    key = ["line", "department", "month"]
    hit = made.cells[key].eq(["Travel", "Sales", pd.Timestamp("2027-05-01")])
    edited = made.cells.assign(
        version="x", amount=made.cells["amount"] + 300.0 * hit.all(axis=1)
    )
    came = draft.check_return(edited, made, version="x", record=pd.DataFrame(), day=DAY)
    wrong = came.ties[~came.ties["tied"]]
    assert len(wrong) == 3
    assert wrong["cells"].nunique() == 1
    sheet, cell = wrong["cells"].iloc[0].split("!")
    book = openpyxl.load_workbook(io.BytesIO(form.workbook(made, "en")))
    row = book[sheet][cell].row
    assert sheet == "Sales"
    assert book[sheet].cell(row, 2).value == "Travel"
    assert book[sheet].cell(3, book[sheet][cell].column).value == "2027-05"
    amount = made.cells.loc[hit.all(axis=1), "amount"].iloc[0]
    assert book[sheet][cell].value == pytest.approx(amount)


def test_the_workbook_locks_sums_as_formulas_and_leaves_amounts_free(made):
    book = openpyxl.load_workbook(io.BytesIO(form.workbook(made, "en")))
    seen = openpyxl.load_workbook(io.BytesIO(form.workbook(made, "en")), data_only=True)
    assert set(made.cells["department"]) < set(book.sheetnames)
    for name in set(made.cells["department"]):
        sheet, values = book[name], seen[name]
        assert sheet.protection.sheet
        heads = [c.value for c in sheet[3]]
        for row in range(4, sheet.max_row):
            for head, cell in zip(heads, sheet[row], strict=True):
                month = head[:4].isdigit()
                assert cell.protection.locked is not month, (name, cell.coordinate)
                if head[:1] == "Q" or head in ("Year", "Difference"):
                    assert str(cell.value).startswith("="), cell.coordinate
            told = {h: c.value for h, c in zip(heads, values[row], strict=True)}
            year = sum(told[h] for h in heads if h[:4].isdigit())
            assert told["Year"] == pytest.approx(year)
            assert told["Year"] == pytest.approx(told["Sent out"])
            assert told["Difference"] == 0


def test_versions_are_locked_once_adopted_and_changes_are_found(tables):
    table = budget.versions(tables["budget_lines"], day=DAY)
    assert table["version"].tolist() == ["2026 adopted", "2026 revised"]
    assert table["locked"].all()
    early = budget.versions(tables["budget_lines"], day=dt.date(2026, 1, 5))
    assert early["version"].tolist() == ["2026 adopted"]
    spending = table["spending"].iloc[0]
    record = pd.DataFrame(
        {
            "run_day": pd.to_datetime(["2026-03-01"]),
            "version": ["2026 adopted"],
            "q0.5": [round(spending, 2)],
        }
    )
    assert budget.locked(record, table).empty
    moved = budget.locked(record.assign(**{"q0.5": spending + 100}), table)
    assert moved["version"].tolist() == ["2026 adopted"]


def test_tree_levels_sum_to_the_same_whole(tables):
    cells = tables["budget_lines"].query("version == '2026 adopted'")
    whole = cells["amount"].sum()
    for by in (["kind"], ["department"], ["line", "quarter"], ["department", "month"]):
        assert tree.rollup(cells, by)["amount"].sum() == pytest.approx(whole)
    with pytest.raises(ValueError, match="level"):
        tree.rollup(cells, ["region"])


def test_planted_breaches_are_found_and_others_only_where_the_rule_holds(tables):
    asked = tables["spending_requests"]
    broken = budget.breaches(asked, tables["authority_limits"], day=DAY)
    found = {kind: set(rows["request"]) for kind, rows in broken.groupby("kind")}
    split = found.pop("split")
    assert found == {"unapproved": {"Q0020", "Q0090"}, "late": {"Q0120", "Q0121"}}
    planted = {"Q0050", "Q0051", "Q0052"}
    assert planted <= split
    mine = broken[(broken["kind"] == "split")].set_index("request")["together"]
    assert mine[sorted(planted)].tolist() == [2850.0] * 3
    rows = asked[asked["request"].isin(split - planted)]
    alike = rows.groupby(["requester", "supplier", "department", "line"])
    assert (alike.size() > 1).all()
    assert (alike["amount"].sum() > 1000).all()
    assert (rows["amount"] <= 1000).all()


def _asked(**changed):
    row = {"request": "Q1", "department": "Sales", "line": "IT", "requested": "2026-01-05", "requester": "a", "supplier": "b",
           "amount": 500.0, "head_approved": "2026-01-06", "finance_approved": None, "spent": "2026-01-09"}  # fmt: skip
    return pd.DataFrame([row | changed])


LIMITS = pd.DataFrame(
    {"department": ["Sales"], "head_limit": [1000.0], "finance_limit": [9000.0]}
)


@pytest.mark.parametrize(
    ("changed", "kinds"),
    [
        ({}, []),
        ({"head_approved": None}, ["unapproved"]),
        ({"amount": 1500.0}, ["unapproved"]),
        ({"amount": 1500.0, "finance_approved": "2026-01-07"}, []),
        ({"amount": 1500.0, "finance_approved": "2026-01-12"}, ["late"]),
        ({"amount": 9500.0, "finance_approved": "2026-01-07"}, ["beyond"]),
        ({"department": "Unknown"}, ["unapproved"]),
        ({"spent": None, "head_approved": None}, []),
        ({"spent": "2027-01-09", "head_approved": None}, []),
    ],
)
def test_the_authority_table_by_hand(changed, kinds):
    got = control.breaches(_asked(**changed), LIMITS, day=DAY)
    assert got["kind"].tolist() == kinds


def test_what_a_line_has_left_adds_up_by_hand(tables, books):
    asked = pd.concat(
        [
            _asked(
                request="done",
                department="Sales",
                line="Travel",
                spent="2026-06-10",
                amount=100.0,
            ),
            _asked(
                request="old",
                department="Sales",
                line="Travel",
                spent="2026-02-10",
                amount=1000.0,
            ),
            _asked(
                request="ok",
                department="Sales",
                line="Travel",
                spent=None,
                requested="2026-06-20",
                amount=30.0,
            ),
            _asked(
                request="ask",
                department="Sales",
                line="Travel",
                spent=None,
                head_approved=None,
                requested="2026-06-20",
                amount=7.0,
            ),
        ]
    )
    bound = pd.DataFrame(
        {
            "department": ["Sales"] * 2,
            "line": ["Travel"] * 2,
            "month": ["2026-07-01", "2025-07-01"],
            "amount": [11.0, 99.0],
        }
    )
    room = control.left(books, asked, bound, day=DAY)
    row = room.set_index("line").loc["Travel"]
    assert row["on_its_way"] == 130
    assert row["committed"] == 11
    at = (books.units["line"] == "Travel").to_numpy()
    want = books.plan[at].sum() - books.past[at][:, -books.closed :].sum() - 141
    assert row["left"] == pytest.approx(want)
    queue = control.waiting(asked, LIMITS, room, day=DAY).set_index("request")
    assert queue.loc["ask", "waits"] == "head"
    assert queue.loc["ok", "waits"] == "nobody"
    assert queue.loc["ok", "left"] == pytest.approx(want + 30)
    with pytest.raises(ValueError, match="spending requests"):
        control.breaches(asked.drop(columns="spent"), LIMITS, day=DAY)
