"""Customers: the numbers that others published, on the data they published them for."""

import numpy as np
import pandas as pd
import pytest

from opslib import customers

pytestmark = pytest.mark.published


@pytest.fixture(scope="module")
def cdnow(shared):
    """2,357 customers whose first purchase lies in the first quarter of 1997."""
    days = pd.read_csv(
        shared("customers/cdnow") / "CDNOW_sample.txt", sep=r"\s+", header=None,
        names=["master", "customer", "day", "pieces", "amount"],
    )  # fmt: skip
    return days.assign(day=pd.to_datetime(days["day"].astype(str)))


@pytest.fixture(scope="module")
def calibration(cdnow):
    return customers.histories(cdnow, until="1997-09-30")


def _params(model):
    return list(model.params.values())


def test_bgnbd_equals_fader_hardie_lee_2005(calibration):
    model = customers.fit(calibration, kind="bgnbd")
    assert _params(model) == pytest.approx([0.243, 4.414, 0.793, 2.426], abs=6e-4)
    assert model.log_likelihood == pytest.approx(-9582.429, abs=5e-3)
    assert not model.degenerate


def test_pareto_nbd_equals_its_published_fit(calibration):
    model = customers.fit(calibration, kind="paretonbd")
    assert model.log_likelihood == pytest.approx(-9594.976, abs=0.01)
    assert _params(model) == pytest.approx([0.553, 10.578, 0.606, 11.669], abs=2e-3)


def test_gamma_gamma_equals_its_published_fit(calibration):
    model = customers.fit_spending(calibration)
    assert [model.p, model.q, model.gamma] == pytest.approx(
        [6.25, 3.74, 15.44], abs=0.01
    )
    assert model.log_likelihood == pytest.approx(-4055.9177, abs=1e-3)
    assert model.customers == 946


def test_expected_purchases_of_a_new_customer_equal_hardies_sheet(calibration):
    model = customers.fit(calibration)
    found = customers.expected_of_new(
        model, ahead=np.array([0.1429, 1, 3, 31.8571, 32, 78])
    )
    wanted = [0.0078, 0.0532, 0.1506, 1.0405, 1.0437, 1.8576]
    assert found == pytest.approx(wanted, abs=5e-4)


@pytest.mark.parametrize(
    ("kind", "wanted", "near"),
    [
        ("bgnbd", [0.2251, 0.5231, 1.0441, 1.5203, 2.1638, 2.6538, 3.504, 6.157], 5e-4),
        ("paretonbd", [0.138, 0.6, 1.196, 1.714, 2.399, 2.907, 3.819, 6.403], 1e-3),
    ],
)
def test_purchases_39_weeks_ahead_equal_the_published_bins(
    calibration, kind, wanted, near
):
    model = customers.fit(calibration, kind=kind)
    ahead = customers.expected(model, calibration, ahead=39)
    bins = calibration["frequency"].clip(upper=7)
    means = pd.Series(ahead).groupby(bins).mean()
    assert means.tolist() == pytest.approx(wanted, abs=near)


def test_the_total_39_weeks_ahead_is_12_percent_low_as_others_found(cdnow, calibration):
    ahead = customers.expected(customers.fit(calibration), calibration, ahead=39)
    told = customers.later(
        cdnow, calibration["customer"], after="1997-09-30", days_ahead=273
    )
    assert told["purchases"].sum() == 1882
    assert ahead.sum() / 1882 - 1 == pytest.approx(-0.121, abs=0.001)


def test_bgbb_equals_fader_hardie_shang_2010(shared):
    told = pd.read_csv(shared("customers/btyd_donations") / "donations.csv")
    told = told.rename(columns={"periods": "rounds", "weights": "count"})
    model = customers.fit_rounds(told)
    found = [model.alpha, model.beta, model.gamma, model.delta]
    assert found == pytest.approx([1.204, 0.750, 0.657, 2.783], abs=6e-4)
    assert model.log_likelihood == pytest.approx(-33225.58, abs=0.01)
    ahead = customers.expected_rounds(model, told, ahead=5) @ told["count"]
    assert ahead == pytest.approx(12884.2, abs=0.1)
    alive = told.assign(chance=customers.round_chance(model, told).round(2))
    alive = alive.set_index(["frequency", "recency"])["chance"]
    assert [alive[0, 0], alive[2, 4], alive[6, 6]] == [0.11, 0.59, 0.93]


def _retail(path, names):
    lines = pd.read_parquet(path).rename(columns=names)
    good = (lines["quantity"] > 0) & (lines["price"] > 0) & lines["customer"].notna()
    if "invoice" in lines:
        good &= ~lines["invoice"].astype(str).str.startswith("C")
    lines = lines[good]
    return pd.DataFrame(
        {
            "customer": lines["customer"].astype(int).astype(str),
            "day": pd.to_datetime(lines["day"]).dt.normalize(),
            "amount": lines["quantity"] * lines["price"],
        }
    )


@pytest.fixture(scope="module")
def first_year(shared):
    """The retailer from December 2009 to 9 December 2010."""
    return _retail(
        shared("customers/online_retail_ii_2009_2010") / "online_retail.parquet",
        {"Customer ID": "customer", "InvoiceDate": "day", "Quantity": "quantity",
         "Price": "price", "Invoice": "invoice"},
    )  # fmt: skip


@pytest.fixture(scope="module")
def both_years(shared, first_year):
    """The retailer to 9 December 2011; the overlap of the deliveries counts once."""
    second = _retail(
        shared("customers/online_retail_2010_2011") / "online_retail.parquet",
        {"CustomerID": "customer", "InvoiceDate": "day", "Quantity": "quantity",
         "UnitPrice": "price"},
    )  # fmt: skip
    return pd.concat([first_year, second[second["day"] > first_year["day"].max()]])


def test_who_buys_again_is_ranked_better_than_by_plain_bgnbd_and_by_recency(first_year):
    """Model, timing and covariates are chosen by likelihood before 2010-09-09.

    The last quarter was never seen, so the total stays 24 % low, as the plain model's
    does (-22.7 %); the audit says that no day of the season ahead had been seen.
    """
    cut = "2010-09-09"
    told = customers.histories(first_year, until=cut)
    after = customers.later(first_year, told["customer"], after=cut, days_ahead=91)
    again = after["purchases"].to_numpy() > 0
    plain = customers.fit(told, kind="bgnbd")
    assert plain.degenerate
    ahead = customers.expected(plain, told, ahead=13)
    assert after["purchases"].sum() == 4505
    assert ahead.sum() / 4505 - 1 == pytest.approx(-0.227, abs=0.002)
    assert customers.ranking(ahead, again) == pytest.approx(0.710, abs=0.001)

    found = customers.audit(first_year, until="2010-12-09", cuts=1).cuts
    found = found.set_index("method")
    assert found.loc["model", "ranking"] >= 0.72
    assert found.loc["recency_only", "ranking"] == pytest.approx(0.653, abs=0.001)
    assert found.loc["model", "bias"] == pytest.approx(-0.243, abs=0.01)
    assert found.loc["model", "unseen"] == 1.0


def test_a_season_learnt_before_the_cut_closes_the_bias_of_the_total(both_years):
    """Season, timing and covariates come from before 2011-09-09 alone."""
    found = customers.audit(both_years, until="2011-12-09", cuts=1).cuts
    found = found.set_index("method")
    assert str(found["cut"].iloc[0].date()) == "2011-09-09"
    assert abs(found.loc["model", "bias"]) <= 0.10
    assert found.loc["no_season", "bias"] < -0.2
    assert found.loc["model", "ranking"] >= 0.72
    assert found.loc["model", "unseen"] == 0.0


def test_on_cdnow_the_audit_shows_the_bias_and_that_no_season_was_seen(cdnow):
    found = customers.audit(cdnow, until="1998-06-30", days_ahead=273, cuts=1)
    rows = found.cuts.set_index("method")
    assert rows.loc["model", "bias"] == pytest.approx(-0.13, abs=0.02)
    assert rows.loc["model", "unseen"] == 1.0
    assert "no_season" not in rows.index
    assert rows.loc["zero", "error"] - rows.loc["model", "error"] < 0.05
    assert len(found.bins) == 10
    assert found.wins


def test_telco_churn_reaches_the_published_ranking_and_stays_calibrated(shared):
    """Five folds; nothing is resampled, no column knows the future."""
    from sklearn.model_selection import StratifiedKFold

    rows = pd.read_csv(shared("customers/telco_churn") / "Telco-Customer-Churn.csv")
    left = (rows["Churn"] == "Yes").to_numpy()
    x = rows.drop(columns=["customerID", "Churn"])
    x["TotalCharges"] = pd.to_numeric(x["TotalCharges"], errors="coerce")
    numbers = ["tenure", "MonthlyCharges", "TotalCharges"]
    words = [c for c in x if c not in numbers]
    chance, ranks = np.zeros(len(x)), []
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    for train, test in folds.split(x, left):
        model = customers.leaving_model(numbers, words).fit(x.iloc[train], left[train])
        chance[test] = model.predict_proba(x.iloc[test])[:, 1]
        ranks.append(customers.ranking(chance[test], left[test]))
    assert np.mean(ranks) >= 0.848
    assert 0.9 <= customers.calibration_slope(chance, left) <= 1.1


def test_six_vacation_groups_are_as_tight_as_published_and_called_constructed(shared):
    from opslib.customers import segments

    motives = pd.read_csv(shared("customers/vacmot_volunteers") / "vacmot.csv")
    x = motives.to_numpy(dtype=float)
    labels = segments.cluster(x, "kmeans", 6, starts=600)
    within = sum(
        ((x[labels == g] - x[labels == g].mean(axis=0)) ** 2).sum() for g in range(6)
    )
    assert within <= 2661.0
    assert segments.stability(x, "kmeans", 6) == pytest.approx(0.54, abs=0.06)
    told = customers.find_segments(motives.assign(customer=range(1000)), most=6)
    assert not told.found
    assert not told.groups["named"].any()


def _complaints(shared, seed):
    from sklearn.model_selection import StratifiedKFold

    rows = pd.read_csv(shared("customers/cfpb_complaints") / "dataset.csv")
    texts, reasons = rows["narrative"].to_numpy(), rows["product"].to_numpy()
    right = []
    folds = StratifiedKFold(10, shuffle=True, random_state=seed)
    for train, test in folds.split(texts, reasons):
        told = customers.learn_reasons(texts[train], reasons[train])
        right.append((customers.reasons_of(told, texts[test]) == reasons[test]).mean())
    return float(np.mean(right))


def test_complaints_are_sorted_as_well_as_the_best_offline_model(shared):
    """Mean of five repeats of ten folds; every choice is made inside the folds."""
    assert np.mean([_complaints(shared, seed) for seed in range(5)]) >= 0.75


def test_campaign_and_coupon_response_by_segment_of_a_real_grocer(shared):
    home = shared("customers/completejourney")
    lines = pd.read_parquet(home / "transactions_sample.parquet")
    days = pd.DataFrame(
        {
            "customer": lines["household_id"].astype(str),
            "day": lines["transaction_timestamp"],
            "amount": lines["sales_value"],
            "units": lines["quantity"],
        }
    )
    features = customers.segment_features(days, until="2017-12-31")
    groups = customers.find_segments(features, most=4, pairs=5).members
    kinds = pd.read_csv(home / "campaign_descriptions.csv")
    sent = pd.read_csv(home / "campaigns.csv").merge(kinds, on="campaign_id")
    sent = sent.rename(
        columns={"campaign_id": "campaign", "campaign_type": "kind",
                 "household_id": "customer"}
    )  # fmt: skip
    used = pd.read_csv(home / "coupon_redemptions.csv")
    used = used.rename(columns={"campaign_id": "campaign", "household_id": "customer"})
    told = customers.response_by_group(
        sent.assign(customer=sent["customer"].astype(str)),
        used.assign(customer=used["customer"].astype(str)),
        groups,
    )
    assert len(told) >= 4
    assert told["low"].between(0, told["rate"]).all()
    assert (told["rate"] < told["high"]).all()
    best = told.groupby("kind")["rate"].mean()
    assert best["Type A"] > best["Type B"]


def test_groups_of_the_real_retailer_have_no_gaps_and_the_page_says_so(both_years):
    days = both_years.groupby(["customer", "day"], as_index=False)["amount"].sum()
    day = pd.Timestamp("2011-12-09").date()
    found = customers.find_segments(
        customers.segment_features(days, until=day), most=4, pairs=4
    )
    moved = customers.migration(days, until=day)
    told = customers.answer.segments(found, moved, day=day, total=5852)
    checks = {c.name.en: c for c in told.checks}
    assert checks["Groups found again"].passed == found.found
    assert ("constructed" in told.headline.en) == (not found.found)
    assert found.groups["valley"].min() > 0.9
    assert not checks["Groups lie apart"].passed
    assert "shade into each other" in checks["Groups lie apart"].sentence.en
