"""The demonstration company's campaigns: every planted truth is found again."""

import pandas as pd
import pytest

from opslib import demo
from opslib.demo import truth
from opslib.promotions import campaigns

pytestmark = pytest.mark.slow
NAMES = list(truth.LIFTS)


@pytest.fixture(scope="module")
def company():
    return demo.make(size=0.4, seed=5)


@pytest.fixture(scope="module")
def sales(company):
    """Rows as the mart `daily_sales` gives them."""
    lines = company.tables["sales_lines"].rename(
        columns={"place": "region", "quantity": "units"}
    )
    lines = lines.assign(
        day=pd.to_datetime(lines["day"]),
        category=lines["item"].map(
            company.tables["products"].set_index("item")["category"]
        ),
    )
    return lines.groupby(
        ["day", "region", "category", "promotion"], dropna=False, as_index=False
    )[["units", "amount"]].sum()


@pytest.fixture(scope="module")
def promotions(company):
    rows = company.tables["promotions"]
    return rows.assign(
        starts=pd.to_datetime(rows["starts"]), ends=pd.to_datetime(rows["ends"])
    )


def test_ranges_hold_the_planted_lifts(company, sales, promotions):
    """Twelve campaigns, 90 % ranges: at least 9 hold (chance of fewer: 2.6 %).

    Over four companies of other seeds 43 of 48 held; SPRING26 is seen in each of them.
    """
    judged = campaigns.judge_campaign(
        sales, promotions, campaign="SPRING26", day=truth.END
    )
    told = campaigns.all_campaigns(
        sales, promotions, judged, day=truth.END, margin=0.4
    ).set_index("campaign")
    planted = pd.Series(company.truth.lifts)[told.index]
    assert len(told) == 12
    assert ((told["low"] <= planted) & (planted <= told["high"])).sum() >= 9
    assert 0 < judged.lift.low <= company.truth.lifts["SPRING26"] <= judged.lift.high
    newer = judged.stressed.card.set_index("method").loc[judged.stressed.taken]
    assert newer["false_alarms"] <= 0.10
    assert newer["coverage"] >= 0.85


def test_the_planted_break_of_the_running_campaign_is_found(company, sales, promotions):
    spend, cases = company.tables["marketing_spend"], company.tables["service_cases"]
    spend = spend.assign(day=pd.to_datetime(spend["day"]))
    cases = cases.assign(opened=pd.to_datetime(cases["opened"]))
    told = campaigns.follow(sales, promotions, spend, campaign="", day=truth.END)
    raised = campaigns.alerts(sales, promotions, spend, cases, live=told).raised
    planted = company.truth.broken
    assert told.campaign == planted["promotion"]
    row = raised[
        (raised["series"] == "click_rate") & (raised["region"] == planted["region"])
    ].iloc[0]
    assert abs((row["since"] - planted["day"]).days) <= 2
    assert row["change"] == pytest.approx(planted["keeps"] - 1, abs=0.06)


def test_the_planted_arms_are_found(company):
    lines = company.tables["sales_lines"].dropna(subset=["customer"])
    days = lines.groupby(["customer", "day"], as_index=False)["amount"].sum()
    told = campaigns.judge_arms(company.tables["campaign_members"], days, day=truth.END)
    effects = told.effects[told.effects["outcome"] == "responded"].set_index("arm")
    for arm, (above, below) in company.truth.arms.items():
        row = effects.loc[arm]
        assert min(above, below) - 0.01 <= row["high"]
        assert row["low"] <= (above + below) / 2 <= row["high"]
    assert told.balance < 0.1
