"""The demonstration company's campaigns: every planted truth is found again."""

import datetime as dt
from dataclasses import replace

import numpy as np
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


def _sales(company):
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


def _promotions(company):
    rows = company.tables["promotions"]
    return rows.assign(
        starts=pd.to_datetime(rows["starts"]), ends=pd.to_datetime(rows["ends"])
    )


@pytest.fixture(scope="module")
def sales(company):
    return _sales(company)


@pytest.fixture(scope="module")
def promotions(company):
    return _promotions(company)


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


def _raw(window):
    """Return a window in units sold, every place alike: no index."""
    return replace(window, frame=window.frame * window.sizes, sizes=window.sizes * 0 + 1)  # fmt: skip


def _power_at(rows, false_alarms, lift=0.075):
    """Chance to see a lift when the interval is scaled to a wanted rate of false alarms."""
    factor = np.quantile(rows["error"] / rows["half"], 1 - false_alarms)
    return float((np.log1p(lift) + rows["error"] > factor * rows["half"]).mean())


def _rolled(sales, promotions, *, weeks, places, offsets):
    """Return placebos of the newer dates, by the page's method and by the plain one.

    Stretches without a campaign are rolled by days; each is judged by those of its own
    and of earlier dates, by the method taken on the older half of the dates. Plain is
    the fixed-effects synthetic control on raw sales.
    """
    ours, plain = [], []
    for offset in offsets:
        until = truth.END + dt.timedelta(days=1 - offset)
        windows = campaigns.quiet_windows(sales, promotions, weeks=weeks, until=until)
        errors = campaigns.placebo_errors(windows, size=places, most=48)
        raw = campaigns.placebo_errors(
            [_raw(w) for w in windows], size=places, methods=["fesc"], most=48
        )
        taken = errors[errors["method"] == campaigns.stress(errors).taken]
        half = errors["window"].median()
        for into, rows in ((ours, taken), (plain, raw)):
            judged = campaigns.judge(rows)
            into.append(judged[judged["window"] > half])
    return tuple(pd.concat(x, ignore_index=True) for x in (ours, plain))


def test_rolling_placebos_keep_their_promise(sales, promotions):
    """All quiet places, rolling 14-day windows, 7.5 % injected.

    Asked: at most 7 % false alarms, at least 88 % coverage, and at equal false alarms
    no less power than the plain fixed-effects synthetic control. Reached
    here: 2.1 % and 92.7 %; a chance of 14.4 % against 11.3 % at 5 % false alarms.
    """
    ours, plain = _rolled(sales, promotions, weeks=2, places=1, offsets=range(0, 14, 4))
    assert len(ours) == len(plain) >= 1500
    assert ours["alarm"].mean() <= 0.07
    assert 1 - ours["alarm"].mean() - ours["loss"].mean() >= 0.88
    for rate in (0.03, 0.05, 0.07):
        assert _power_at(ours, rate) >= _power_at(plain, rate)


@pytest.mark.soak
def test_campaigns_of_four_weeks_in_three_places_keep_the_same_promise():
    """The same for the shape of the company's own campaigns, over six companies.

    Reached over all: 5.4 % false alarms, 88.3 % coverage, a chance of 29.7 % against
    27.6 % at 5 % false alarms. One company has twelve newer stretches that share their
    shocks: alone, the six cover 85.8 to 91.5 %.
    """
    parts = []
    for seed in (1, 2, 3, 4, 5, 6):
        made = demo.make(size=0.4, seed=seed)
        parts.append(
            _rolled(
                _sales(made), _promotions(made), weeks=4, places=3, offsets=(0, 10, 20)
            )
        )
    ours, plain = (pd.concat(x, ignore_index=True) for x in zip(*parts, strict=True))
    assert ours["alarm"].mean() <= 0.07
    assert 1 - ours["alarm"].mean() - ours["loss"].mean() >= 0.88
    for rate in (0.03, 0.05, 0.07):
        assert _power_at(ours, rate) >= _power_at(plain, rate)


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
