"""Campaigns: the numbers that others published, on the data they published them for."""

import re
import time

import numpy as np
import pandas as pd
import pytest

from opslib.promotions import campaigns

pytestmark = pytest.mark.published


@pytest.fixture(scope="module")
def prop99(shared):
    """Cigarette packs of 39 states; California's law came in 1989."""
    rows = pd.read_csv(shared("promotions/prop99") / "california_prop99.csv", sep=";")
    wide = rows.pivot(index="Year", columns="State", values="PacksPerCapita")
    return campaigns.make_panel(
        wide, treated=["California"], start=wide.index.get_loc(1989)
    )


@pytest.fixture(scope="module")
def basque(shared):
    """Income of 17 regions without the sum of Spain; terror from 1975."""
    rows = pd.read_csv(shared("promotions/basque") / "basque.csv")
    rows = rows[rows["regionno"] != 1]
    wide = rows.pivot(index="year", columns="regionname", values="gdpcap")
    own = [c for c in wide if c.startswith("Basque")]
    return campaigns.make_panel(wide, treated=own, start=wide.index.get_loc(1975))


@pytest.fixture(scope="module")
def geolift(shared):
    """Daily sales of 40 places; a campaign in two of them in the last 15 days."""
    rows = pd.read_csv(shared("promotions/geolift") / "GeoLift_Test.csv")
    wide = rows.pivot(index="date", columns="location", values="Y").reset_index(
        drop=True
    )
    return campaigns.make_panel(wide, treated=["chicago", "portland"], start=90)


def _quiet(shared, offset, indexed=True):
    """Stretches of 14 days before the test, one after the other, of all 40 places."""
    rows = pd.read_csv(shared("promotions/geolift") / "GeoLift_PreTest.csv")
    wide = rows.pivot(index="date", columns="location", values="Y").reset_index(
        drop=True
    )
    starts = sorted(range(len(wide) - 14 - offset, 29, -14))
    if not indexed:
        return [
            campaigns.make_panel(wide[: s + 14], treated=[], start=s) for s in starts
        ]
    return [
        campaigns.indexed(wide[: s + 14], treated=[], leave_out=set(), start=s)
        for s in starts
    ]


def test_difference_in_differences_on_proposition_99_equals_six_digits(prop99):
    assert campaigns.estimate(prop99, "did").effect == pytest.approx(
        -27.349111, abs=5e-7
    )


def test_synthetic_did_on_proposition_99_is_within_a_hundredth(prop99):
    assert campaigns.estimate(prop99, "sdid").effect == pytest.approx(
        -15.603829, abs=0.01
    )


def test_synthetic_control_on_proposition_99_is_the_exact_minimum(prop99):
    """-19.5136: no move of weight between two states brings the past nearer.

    The published -19.619665 is where that package's search stops, see the next test.
    """
    found = campaigns.estimate(prop99, "sc")
    assert found.effect == pytest.approx(-19.5136, abs=5e-5)
    y, X, n = prop99.outcome[:19], prop99.donors.to_numpy()[:19], prop99.start
    assert n == len(y)
    weights = found.weights[prop99.donors.columns].to_numpy()
    slope = X.T @ (X @ weights - y)
    assert slope.min() == pytest.approx(slope[weights > 1e-9].max(), abs=1e-4)


def test_with_the_published_stopping_rule_the_published_number_is_met(prop99):
    """-19.619665: a Frank-Wolfe search stopped by its rule (asked: within .1).

    At most 100 steps, small weights dropped, at most 10,000 more; it stops when a step
    lowers the mean square by less than (1e-5 of the donors' noise) squared. What it
    leaves is a larger sum of squares than that of `sc`.
    """
    y, X = prop99.outcome, prop99.donors.to_numpy()
    n = prop99.start
    noise = np.diff(X[:n], axis=0).std(ddof=1)
    start = np.full(X.shape[1], 1 / X.shape[1])
    rough = _frank_wolfe(X[:n], y[:n], start, steps=100, least=1e-5 * noise)
    rough = np.where(rough > rough.max() / 4, rough, 0)
    stopped = _frank_wolfe(
        X[:n], y[:n], rough / rough.sum(), steps=10_000, least=1e-5 * noise
    )
    assert (y - X @ stopped)[n:].mean() == pytest.approx(-19.619665, abs=1e-4)
    ours = campaigns.estimate(prop99, "sc").weights[prop99.donors.columns].to_numpy()
    assert ((y - X @ ours)[:n] ** 2).mean() < ((y - X @ stopped)[:n] ** 2).mean()


def _frank_wolfe(X, y, weights, *, steps, least):
    before = np.inf
    for _ in range(steps):
        gap = X @ weights - y
        towards = -weights.copy()
        towards[np.argmin(gap @ X)] += 1
        move = X @ towards
        length = -(gap @ move) / (move @ move)
        weights = weights + np.clip(length, 0, 1) * towards
        now = np.mean((X @ weights - y) ** 2)
        if before - now < least**2:
            break
        before = now
    return weights


def test_basque_weights_and_effect_equal_three_digits_in_under_two_seconds(basque):
    begun = time.process_time()
    found = campaigns.estimate(basque, "sc")
    assert time.process_time() - begun < 2
    assert found.weights["Cataluna"] == pytest.approx(0.826, abs=5e-4)
    assert found.weights["Madrid (Comunidad De)"] == pytest.approx(0.168, abs=5e-4)
    assert found.effect == pytest.approx(-0.6915, abs=5e-5)


def test_geolift_walkthrough_is_equalled_and_the_interval_holds_the_injected_lift(
    geolift, shared
):
    """155.555 a day by fixed-effects synthetic control; +5.00 % was truly injected.

    The interval comes from placebos of the 38 other places in the same days and of all
    places in the days before, in pairs, by the same method.
    """
    assert campaigns.estimate(geolift, "fesc").effect == pytest.approx(
        155.555, abs=0.01
    )
    errors = campaigns.placebo_errors(
        _quiet(shared, 0), size=2, methods=("fesc",), most=40
    )
    lift = campaigns.lift_of(geolift, campaigns.stress(errors))
    assert lift.effect.relative == pytest.approx(0.054, abs=5e-4)
    assert lift.low <= 0.05 <= lift.high
    assert lift.low > 0
    assert lift.total == pytest.approx(4667, abs=1)


def _study(shared, methods, *, offsets=range(14), indexed=True, confidence=0.9):
    parts = [
        campaigns.judge(
            campaigns.placebo_errors(
                _quiet(shared, o, indexed), size=1, methods=methods, most=40
            ),
            confidence=confidence,
        )
        for o in offsets
    ]
    return pd.concat(parts, ignore_index=True)


def _power_at(rows, false_alarms, lift=0.075):
    """Chance to see a lift when the interval is scaled to a wanted rate of false alarms."""
    factor = np.quantile(rows["error"] / rows["half"], 1 - false_alarms)
    return float((np.log1p(lift) + rows["error"] > factor * rows["half"]).mean())


def test_placebos_on_quiet_geolift_days_keep_their_promise(shared):
    """All 40 places, every 14-day stretch that ends in the last 60 days, 7.5 % injected.

    Each is judged by placebos of its own and of earlier days only. A false alarm is a
    claimed lift where there was none (lower end of the 90 % interval above zero). Asked:
    at most 7 % of them, 88 % coverage, and at equal false alarms no less power than the
    plain fixed-effects synthetic control on raw sales; on indices that is `sc`.
    """
    judged = _study(shared, ("sc", "sdid", "blend"))
    assert judged.groupby("method").size().min() >= 1800
    for method, rows in judged.groupby("method"):
        assert rows["alarm"].mean() <= 0.07, method
        assert 1 - rows["alarm"].mean() - rows["loss"].mean() >= 0.88, method
    plain = _study(shared, ("fesc",), indexed=False)
    ours = judged[judged["method"] == "sc"]
    for rate in (0.03, 0.05, 0.07):
        assert _power_at(ours, rate) >= _power_at(plain, rate)
    assert ours["seen"].mean() >= plain["seen"].mean()


def test_claims_in_either_direction_at_95_percent_are_false_in_at_most_7(shared):
    """Lift or loss claimed where there was none, intervals asked to hold in 95 %."""
    judged = _study(shared, ("sc", "blend"), confidence=0.95)
    for method, rows in judged.groupby("method"):
        assert rows["alarm"].mean() + rows["loss"].mean() <= 0.07, method


@pytest.mark.soak
def test_every_method_of_the_page_on_rolling_quiet_days(shared):
    """The same with all methods; structural series and plain differences see less."""
    judged = _study(shared, campaigns.PAGE_METHODS)
    told = judged.groupby("method").agg(
        alarm=("alarm", "mean"), loss=("loss", "mean"), seen=("seen", "mean")
    )
    assert (told["alarm"] <= 0.07).all(), told
    assert (1 - told["alarm"] - told["loss"] >= 0.88).all(), told
    assert told["seen"].idxmax() == "sc", told


CASES = {
    "arma": ("y", ["X"], slice(0, 70), slice(70, 100)),
    "google": ("y", ["x1", "x2"], slice("2020-01-01", "2020-03-01"), slice("2020-03-02", "2020-03-31")),
    "comparison": (
        "CHANGED", ["NOT_CHANGED_1", "NOT_CHANGED_2", "NOT_CHANGED_3"],
        slice("2019-04-16", "2019-07-14"), slice("2019-07-15", "2019-08-01"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", list(CASES))
def test_structural_series_is_near_causal_impact_in_r(shared, name):
    """Cumulative effect within 10 %, width of its 95 % interval within 25 %."""
    place = shared("promotions/causal_impact")
    told = (place / f"{name}_R_CausalImpact_summary.txt").read_text("utf-8")
    effect = float(re.search(r"Absolute effect.*\)\s+(-?[\d.]+) \(", told)[1])
    low, high = map(
        float,
        re.search(
            r"Absolute effect.*\n95% CI.*\[(-?\d[\d.]*), (-?\d[\d.]*)\]\s*\n", told
        ).groups(),
    )
    outcome, donors, before, after = CASES[name]
    data = pd.read_csv(place / f"{name}_data.csv")
    data = (
        data.set_index("date" if "date" in data else "DATE") if name != "arma" else data
    )
    rows = (lambda s: data.loc[s]) if name != "arma" else (lambda s: data.iloc[s])
    y, length = rows(before)[outcome].to_numpy(float), len(rows(after))
    X = pd.concat([rows(before), rows(after)])[donors].to_numpy(float)
    found = campaigns.foretell(y, X, confidence=0.95)
    actual = rows(after)[outcome].mean()
    assert length * (actual - found.path[len(y) :].mean()) == pytest.approx(
        effect, rel=0.10
    )
    assert length * (found.high - found.low) == pytest.approx(high - low, rel=0.25)


def test_hillstrom_arms_equal_every_published_digit(shared):
    """64,000 customers drawn into three arms: visits in points, spending in dollars."""
    people = pd.read_csv(shared("promotions/hillstrom") / "hillstrom_data.csv").rename(
        columns={"segment": "arm"}
    )
    told = campaigns.arm_effects(
        people, control="No E-Mail", outcomes=["visit", "spend"]
    ).set_index(["outcome", "arm"])
    found = {
        k: (round(100 * r["effect"], 2), round(100 * r["error"], 2))
        for k, r in told.loc["visit"].iterrows()
    }
    assert found == {"Mens E-Mail": (7.66, 0.34), "Womens E-Mail": (4.52, 0.32)}
    found = {
        k: (round(r["effect"], 3), round(r["error"], 3))
        for k, r in told.loc["spend"].iterrows()
    }
    assert found == {"Mens E-Mail": (0.770, 0.145), "Womens E-Mail": (0.424, 0.130)}


def test_on_hillstrom_the_one_line_rule_is_not_beaten_by_the_model(shared):
    """Past purchases of women's goods order the women's mail as well as boosted trees do."""
    people = pd.read_csv(shared("promotions/hillstrom") / "hillstrom_data.csv").rename(
        columns={"segment": "arm"}
    )
    features = ["recency", "history", "mens", "womens", "newbie"]
    told = campaigns.responders(
        people,
        arm="Womens E-Mail",
        control="No E-Mail",
        outcome="visit",
        features=features,
    )
    assert (told.best, told.rule, told.highest) == ("rule", "womens", True)
