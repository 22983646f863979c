"""A small planted company's money, shared by the room's tests."""

import datetime as dt

import numpy as np
import pytest

from opslib import budget, demo

DAY = dt.date(2026, 6, 28)


@pytest.fixture(scope="session")
def tables():
    return demo.make(size=0.02, seed=11).tables


@pytest.fixture(scope="session")
def books(tables):
    return budget.open_books(tables["budget_lines"], tables["actuals"], day=DAY)


@pytest.fixture(scope="session")
def sold():
    draw = np.random.default_rng(2)
    demand = budget.demand_factors(
        draw.poisson(20.0, (30, 50, 26)), np.full(30, 5.0), shared=0.05
    )
    return budget.together(demand=demand, advertising=draw.normal(1.01, 0.01, 400))


@pytest.fixture(scope="session")
def year(tables, books, sold):
    import pandas as pd

    told, trust = budget.year_end(
        tables["budget_lines"],
        tables["actuals"],
        books,
        record=pd.DataFrame(),
        sales=sold,
        points=256,
    )
    choices = budget.choices(
        told, books, overrun_cost=0.5, cut=0.1, cut_cost=0.2, weight=0.25
    )
    return told, trust, choices
