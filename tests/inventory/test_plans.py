"""Plans: promotions and holidays known in advance reach the model of all items."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from opslib import demo, inventory
from opslib.demo import trade
from opslib.inventory.ahead import forecast
from opslib.inventory.demand import Panel

NONE = pd.DataFrame()


def _panel(rows=2, weeks=3):
    return Panel(
        keys=pd.DataFrame({"item": ["A", "B"][:rows], "place": "x"}),
        weeks=pd.date_range("2026-01-05", periods=weeks, freq="7D"),
        units=np.ones((rows, weeks)), price=np.ones(rows), promoted=np.zeros((rows, weeks)),
        masked=0.0,
    )  # fmt: skip


PROMOTION = pd.DataFrame(
    {"region": ["North"], "category": ["Tea"], "starts": [dt.date(2026, 1, 10)],
     "ends": [dt.date(2026, 1, 13)], "discount": [0.2]}
)  # fmt: skip
PRODUCTS = pd.DataFrame({"item": ["A", "B"], "category": ["Tea", "Snacks"]})
PLACES = pd.DataFrame({"place": ["x"], "region": ["North"]})


def _planned(promotions=PROMOTION, **more):
    told = {"holidays": NONE, "products": PRODUCTS, "places": PLACES} | more
    return inventory.with_plans(_panel(), promotions=promotions, **told)


def test_a_promotion_counts_by_its_days_in_each_week():
    """Saturday the 10th to Tuesday the 13th: two days of one week, two of the next."""
    known = _planned().known
    assert known[0, 0, :3] == pytest.approx([2 / 7, 2 / 7, 0])
    assert known[1, 0, :3] == pytest.approx([0.4 / 7, 0.4 / 7, 0])
    assert (known[:, 1] == 0).all()
    assert known.shape[2] > 3 + 52


def test_a_promotion_of_another_region_is_none():
    assert not _planned(places=PLACES.assign(region="South")).known.any()
    assert _planned(PROMOTION.assign(region="x"), places=NONE).known.any()


def test_without_plans_the_panel_stays_as_it_is():
    panel = _panel()
    same = inventory.with_plans(
        panel, promotions=NONE, holidays=NONE, products=NONE, places=NONE
    )
    assert same is panel


def test_promotions_without_days_are_refused():
    with pytest.raises(ValueError, match=r"promotions has no column \['ends'\]"):
        _planned(PROMOTION.drop(columns="ends"))


def test_plans_make_the_weeks_of_planted_promotions_nearer():
    """Planted: a promotion doubles demand; each category has one in one week of six.

    The last four weeks are foretold from before them, with and without the plans; the
    categories on promotion there are judged.
    """
    draw = np.random.default_rng(8)
    weeks = pd.date_range("2024-01-01", periods=104, freq="7D")
    on = draw.random((20, 104)) < 1 / 6
    group = np.repeat(np.arange(20), 6)
    units = draw.poisson(8.0 * np.where(on[group], 2, 1)).astype(float)
    items = [f"i{n}" for n in range(120)]
    past = Panel(
        keys=pd.DataFrame({"item": items, "place": "x"}), weeks=weeks[:100],
        units=units[:, :100], price=np.ones(120), promoted=np.zeros((120, 100)),
        masked=0.0,
    )  # fmt: skip
    of, week = np.nonzero(on)
    promotions = pd.DataFrame(
        {"region": "x", "category": of, "starts": weeks[week], "discount": 0.2,
         "ends": weeks[week] + pd.Timedelta(days=6)}
    )  # fmt: skip
    planned = inventory.with_plans(
        past, promotions=promotions, holidays=NONE, places=NONE,
        products=pd.DataFrame({"item": items, "category": group}),
    )  # fmt: skip
    assert np.array_equal(planned.known[0, :, :104], on[group])
    gap = [
        np.abs(
            forecast.boosted(past.units, np.ones(104), 4, known=known) - units[:, 100:]
        )
        for known in (None, planned.known)
    ]
    there = on[group][:, 100:]
    assert gap[1][there].mean() < 0.7 * gap[0][there].mean()
    assert gap[1][~there].mean() < gap[0][~there].mean()


def test_the_demonstration_company_has_plans_that_reach_beyond_its_last_day():
    promotions = trade._promotions(NONE, NONE)
    assert pd.to_datetime(promotions["ends"]).max() > pd.Timestamp(demo.truth.END)
