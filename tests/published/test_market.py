"""Numbers of others that the market room equals.

Parameters are those of the published examples; nothing is tuned to them.
"""

import numpy as np
import pandas as pd
import pytest

from opslib.market import design, replicates, weights

pytestmark = pytest.mark.published
STYPE = {"E": 4421, "H": 755, "M": 1018}
WIDE = {"No": 1072, "Yes": 5122}


def _read(folder, name):
    return pd.read_csv(folder / name, keep_default_na=False, na_values=[""])


@pytest.fixture(scope="module")
def schools(shared):
    folder = shared("market/survey_api")
    return _read(folder, "apistrat.csv"), _read(folder, "apiclus1.csv")


@pytest.fixture(scope="module")
def clusters(schools):
    return design.draw(schools[1], weight="pw", clusters="dnum", size="fpc")


@pytest.fixture(scope="module")
def raked(schools, clusters):
    return weights.rake(clusters, schools[1], {"stype": STYPE, "sch.wide": WIDE})


def _is(found, value, error, digits=4):
    assert round(found.value, digits) == value
    assert round(found.error, digits) == error


def test_means_and_errors_of_the_schools_survey(schools, clusters, raked):
    strat, clus = schools
    drawn = design.draw(strat, weight="pw", strata="stype", size="fpc")
    _is(design.mean(drawn, strat["api00"]), 662.2874, 9.4089)
    _is(design.total(drawn, strat["enroll"]), 3687178, 114642, 0)
    _is(design.mean(clusters, clus["api00"]), 644.1694, 23.5422)
    _is(design.mean(raked, clus["api00"]), 641.2303, 23.7036)
    _is(design.total(raked, clus["enroll"]), 3647280, 400603, 0)
    x = np.c_[np.ones(len(clus)), clus["api99"]]
    known = weights.calibrate(clusters, x, [6194, 3914069])
    _is(design.mean(known, clus["api00"]), 666.7177, 3.2959)
    _is(design.total(known, clus["enroll"]), 3357372, 243227, 0)


def test_ratio_and_bounded_calibration_of_the_schools_survey(schools, clusters):
    clus = schools[1]
    found = design.ratio(clusters, clus["api.stu"], clus["enroll"])
    assert found.value == pytest.approx(0.8497087, abs=5e-8)
    assert found.error == pytest.approx(0.008386297, abs=5e-10)
    x = np.c_[np.ones(len(clus)), clus["enroll"]]
    bounded = weights.calibrate(clusters, x, [6194, 3811472], bounds=(0.6, 1.5))
    factor = bounded.weights / bounded.base
    assert factor.min() == pytest.approx(0.7198751, abs=5e-8)
    assert factor.max() == pytest.approx(1.5)


def test_replicate_errors_of_the_schools_survey(schools, clusters, raked):
    y = schools[1]["api00"].to_numpy(float)
    pupils = schools[1]["enroll"].to_numpy(float)
    plain, tuned = replicates.jackknife(clusters), replicates.jackknife(raked)
    found = replicates.estimate(plain, lambda w: w @ y / w.sum())
    assert round(found.error, 3) == 26.329
    found = replicates.estimate(tuned, lambda w: w @ y / w.sum())
    assert round(found.error, 3) == 26.874
    found = replicates.estimate(tuned, lambda w: w @ pupils)
    assert round(found.error) == 463582
