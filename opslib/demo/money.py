"""This module owns the demonstration company's money: budget, actuals, cash, control.

Actual revenue is the sales, cost of goods is the goods sold, marketing is the spend:
the books tie to the trade.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from opslib.demo import truth

if TYPE_CHECKING:
    from opslib.demo.trade import Trade

DEPARTMENTS = ("Sales", "Marketing", "Purchasing", "Service", "Administration")
_EXPENSES = {
    ("Payroll", "Sales"): 0.060, ("Payroll", "Purchasing"): 0.030,
    ("Payroll", "Service"): 0.025, ("Payroll", "Administration"): 0.020,
    ("Rent", "Sales"): 0.050, ("Freight", "Purchasing"): 0.030,
    ("IT", "Administration"): 0.015, ("Travel", "Sales"): 0.008,
    ("Repairs", "Service"): 0.006,
}  # fmt: skip
LOAN = {
    "loan": "L1", "principal": 600_000.0, "rate": 0.05, "starts": dt.date(2023, 1, 1),
    "ends": dt.date(2028, 1, 1), "monthly_payment": 11_322.0, "minimum_cash": 150_000.0,
}  # fmt: skip
OVERRUN = {"Freight": 1.12, "Repairs": 1.08}


def make(trade: Trade, *, seed: int) -> dict[str, pd.DataFrame]:
    """Return budget, actuals, cash, receivables, payables, loans, control and goals."""
    draw = np.random.default_rng([seed, 3])
    actuals = _actuals(trade, draw)
    budget = _budget(actuals, draw)
    bills = _bills(trade, actuals, draw)
    dated = _dated(actuals)
    return {
        "budget_lines": budget,
        "actuals": actuals,
        **bills,
        "dated_payments": dated,
        "cash_days": _cash(bills, dated, trade),
        "loans": pd.DataFrame([LOAN]),
        "exchange_rates": _rates(draw),
        **_control(actuals, draw),
        **_goals(budget),
    }  # fmt: skip


def _months() -> list[pd.Timestamp]:
    first = pd.Timestamp(truth.START).replace(day=1) + pd.DateOffset(months=1)
    return list(
        pd.date_range(first, pd.Timestamp(truth.END) - pd.Timedelta(days=31), freq="MS")
    )


def _actuals(trade: Trade, draw: np.random.Generator) -> pd.DataFrame:
    sales, goods = trade.tables["sales_lines"], trade.tables["products"]
    month = sales["day"].to_numpy().astype("datetime64[M]").astype("datetime64[ns]")
    cost = sales["item"].map(goods.set_index("item")["cost"]).to_numpy()
    revenue = sales["amount"].groupby(month).sum()
    goods_sold = (sales["quantity"] * cost).groupby(month).sum()
    spend = trade.tables["marketing_spend"]
    ads = (
        spend["spend"]
        .groupby(
            spend["day"].to_numpy().astype("datetime64[M]").astype("datetime64[ns]")
        )
        .sum()
    )
    rows = []
    usual = float(revenue.median())
    for m in _months():
        rows += [
            ("Sales of goods", "revenue", "Sales", m, revenue[m]),
            ("Cost of goods", "cost", "Purchasing", m, goods_sold[m]),
            ("Advertising", "expense", "Marketing", m, ads[m]),
        ]
        for (line, department), share in _EXPENSES.items():
            over = OVERRUN.get(line, 1.0) if m.year == 2026 else 1.0
            noise = (
                1.0 if line in ("Payroll", "Rent") else float(draw.lognormal(0, 0.12))
            )
            rows.append((line, "expense", department, m, usual * share * over * noise))
    frame = pd.DataFrame(
        rows, columns=["line", "kind", "department", "month", "amount"]
    )
    frame["closed"] = frame["month"] + pd.DateOffset(months=1) + pd.Timedelta(days=5)
    frame["amount"] = frame["amount"].astype(float).round(2)
    return frame


def _budget(actuals: pd.DataFrame, draw: np.random.Generator) -> pd.DataFrame:
    """Return adopted and revised budgets of 2025 and 2026: last year and 4 %."""
    parts = []
    for year in (2025, 2026):
        past = actuals[actuals["month"].dt.year == year - 1]
        mean = past.groupby(["line", "kind", "department"])["amount"].mean()
        shape = past[past["kind"] == "revenue"].set_index(
            past[past["kind"] == "revenue"]["month"].dt.month
        )["amount"]
        for (line, kind, department), amount in mean.items():
            for m in range(1, 13):
                season = (
                    shape.get(m, shape.mean()) / shape.mean()
                    if kind != "expense"
                    else 1.0
                )
                parts.append(
                    (
                        f"{year} adopted",
                        line,
                        kind,
                        department,
                        pd.Timestamp(year, m, 1),
                        amount * 1.04 * season,
                        dt.date(year - 1, 12, 15),
                    )
                )
    frame = pd.DataFrame(
        parts,
        columns=["version", "line", "kind", "department", "month", "amount", "adopted"],
    )
    revised = frame.assign(
        version=frame["version"].str.replace("adopted", "revised"),
        adopted=[dt.date(int(v[:4]), 4, 10) for v in frame["version"]],
    )
    revised["amount"] *= np.where(revised["line"] == "Freight", 1.05, 1.0)
    frame = pd.concat([frame, revised], ignore_index=True)
    frame["amount"] = frame["amount"].round(2)
    return frame


def _bills(
    trade: Trade, actuals: pd.DataFrame, draw: np.random.Generator
) -> dict[str, pd.DataFrame]:
    """Return what business customers owe (a fifth of sales) and what we owe."""
    sales = trade.tables["sales_lines"]
    week = sales["day"].to_numpy().astype("datetime64[W]")
    weekly = sales["amount"].groupby(week).sum() * 0.2
    customers = trade.customers["customer"].to_numpy()
    rows = []
    for n, (w, amount) in enumerate(weekly.items()):
        issued = min(pd.Timestamp(w) + pd.Timedelta(days=4), pd.Timestamp(truth.END))
        for k in range(4):
            due = issued + pd.Timedelta(days=30)
            paid = due + pd.Timedelta(days=int(draw.poisson(6)) - 2)
            rows.append(
                (
                    f"A{n:03d}{k}",
                    customers[(n * 4 + k) % len(customers)],
                    issued,
                    due,
                    round(amount / 4, 2),
                    paid if paid <= pd.Timestamp(truth.END) else pd.NaT,
                )
            )
    owed = pd.DataFrame(
        rows, columns=["invoice", "customer", "issued", "due", "amount", "paid"]
    )
    orders = trade.tables["purchase_orders"].dropna(subset=["received"])
    paid_for = orders.assign(
        money=(
            orders["quantity_received"].astype(float)
            - orders["quantity_rejected"].astype(float)
        )
        * orders["price"],
        week=pd.to_datetime(orders["received"]).dt.to_period("W").dt.start_time,
    )
    sums = paid_for.groupby(["week", "supplier"], as_index=False)["money"].sum()
    issued = (sums["week"] + pd.Timedelta(days=6)).clip(upper=pd.Timestamp(truth.END))
    due = issued + pd.Timedelta(days=30)
    mine = pd.DataFrame(
        {
            "invoice": [f"E{i:05d}" for i in range(len(sums))],
            "supplier": sums["supplier"],
            "issued": issued,
            "due": due,
            "amount": sums["money"].round(2),
            "currency": np.where(
                sums["supplier"].isin(["S03", "S07", "S11"]), "EUR", "GBP"
            ),
            "paid": due.where(due <= pd.Timestamp(truth.END)),
        }
    )
    return {
        "receivables": owed.assign(currency="GBP"),
        "payables": mine[mine["amount"] > 0],
    }


def _dated(actuals: pd.DataFrame) -> pd.DataFrame:
    """Return payroll, rent and tax with their days, half a year ahead as well."""
    pay = float(
        actuals[actuals["line"] == "Payroll"].groupby("month")["amount"].sum().iloc[-1]
    )
    rent = float(
        actuals[actuals["line"] == "Rent"].groupby("month")["amount"].sum().iloc[-1]
    )
    rows = []
    for m in pd.date_range("2023-07-01", "2027-06-01", freq="MS"):
        rows.append((f"pay-{m:%Y%m}", "payroll", m + pd.Timedelta(days=24), pay))
        rows.append((f"rent-{m:%Y%m}", "rent", m, rent))
        if m.month in (1, 4, 7, 10):
            rows.append((f"tax-{m:%Y%m}", "tax", m + pd.Timedelta(days=14), 0.35 * pay))
    frame = pd.DataFrame(rows, columns=["payment", "kind", "due", "amount"])
    return frame.assign(amount=frame["amount"].round(2))


def _cash(
    bills: dict[str, pd.DataFrame], dated: pd.DataFrame, trade: Trade
) -> pd.DataFrame:
    days = pd.date_range(truth.START, truth.END, freq="D")
    sales = trade.tables["sales_lines"]
    till = (sales["amount"] * 0.8).groupby(pd.to_datetime(sales["day"])).sum()
    owed, mine = bills["receivables"], bills["payables"]
    spend = trade.tables["marketing_spend"]
    ads = spend["spend"].groupby(pd.to_datetime(spend["day"])).sum()
    inflow = _daily(till, days) + _daily(owed.groupby("paid")["amount"].sum(), days)
    outflow = (
        _daily(mine.groupby("paid")["amount"].sum(), days)
        + _daily(dated.groupby("due")["amount"].sum(), days)
        + _daily(ads, days)
        + LOAN["monthly_payment"] * days.is_month_end
    )
    first = 400_000 * max(0.05, float(sales["amount"].sum()) / 1.4e7)
    outflow = outflow + _drawings(first, inflow - outflow, days)
    closing = (first + (inflow - outflow).cumsum()).round(2)
    opening = closing.shift(1, fill_value=first)
    inflow = inflow.round(2)
    return pd.DataFrame(
        {
            "day": days, "opening": opening.to_numpy(), "inflow": inflow.to_numpy(),
            "outflow": (opening + inflow - closing).round(2).to_numpy(),
            "closing": closing.to_numpy(),
        }
    )  # fmt: skip


def _drawings(first: float, net: pd.Series, days: pd.DatetimeIndex) -> np.ndarray:
    """Return what owners take at each quarter's end: all above the usual balance."""
    taken, balance = np.zeros(len(days)), first
    for at, day in enumerate(days):
        balance += net.iloc[at]
        if day.is_quarter_end and balance > 1.2 * first:
            taken[at] = balance - 1.2 * first
            balance = 1.2 * first
    return taken


def _daily(amounts: pd.Series, days: pd.DatetimeIndex) -> pd.Series:
    return amounts.reindex(days, fill_value=0.0).astype(float)


def _rates(draw: np.random.Generator) -> pd.DataFrame:
    days = pd.date_range(truth.START, truth.END, freq="D")
    parts = [
        pd.DataFrame(
            {
                "day": days,
                "currency": code,
                "rate": np.round(
                    level * np.exp(np.cumsum(draw.normal(0, 0.004, len(days)))), 5
                ),
            }
        )
        for code, level in {"EUR": 0.86, "USD": 0.79, "CNY": 0.11}.items()
    ]
    return pd.concat(parts, ignore_index=True)


def _control(
    actuals: pd.DataFrame, draw: np.random.Generator
) -> dict[str, pd.DataFrame]:
    """Return requests with three planted breaches: unapproved, split and late."""
    n = 240
    requested = pd.to_datetime(truth.END) - pd.to_timedelta(
        np.sort(draw.integers(0, 360, n))[::-1], unit="D"
    )
    amount = np.round(np.exp(draw.normal(7.2, 0.9, n)), 2)
    head = requested + pd.to_timedelta(draw.integers(0, 4, n), unit="D")
    finance = head + pd.to_timedelta(draw.integers(0, 4, n), unit="D")
    spent = finance + pd.to_timedelta(draw.integers(1, 12, n), unit="D")
    lines = [k for k in _EXPENSES if k[0] not in ("Payroll", "Rent")] + [
        ("Advertising", "Marketing")
    ]
    of = [lines[i] for i in draw.integers(0, len(lines), n)]
    frame = pd.DataFrame(
        {
            "request": [f"Q{i:04d}" for i in range(n)],
            "department": [d for _, d in of],
            "line": [line for line, _ in of],
            "requested": requested,
            "requester": draw.choice(["Ann", "Ben", "Cai", "Dan"], n),
            "supplier": draw.choice(["Fast Print", "Road Co", "Fix It", "Soft Ltd"], n),
            "purpose": "regular need",
            "amount": amount,
            "head_approved": head,
            "finance_approved": pd.Series(finance).where(amount > 1000),
            "spent": spent,
        }
    )
    last = pd.Timestamp(truth.END)
    for name in ("head_approved", "finance_approved", "spent"):
        frame[name] = pd.to_datetime(frame[name]).where(frame[name] <= last)
    frame.loc[[20, 90], ["head_approved", "finance_approved"]] = pd.NaT
    frame.loc[[50, 51, 52], "amount"] = 950.0
    frame.loc[[50, 51, 52], ["supplier", "requester", "department", "line"]] = [
        "Road Co",
        "Ben",
        "Purchasing",
        "Freight",
    ]
    frame.loc[[50, 51, 52], "requested"] = frame.loc[50, "requested"]
    frame.loc[[50, 51, 52], "finance_approved"] = pd.NaT
    frame.loc[[120, 121], "finance_approved"] = frame.loc[
        [120, 121], "spent"
    ] + pd.Timedelta(days=5)
    frame.loc[[120, 121], "amount"] = 4200.0
    commitments = pd.DataFrame(
        {
            "commitment": [f"K{i:03d}" for i in range(30)],
            "department": [of[i][1] for i in range(30)],
            "line": [of[i][0] for i in range(30)],
            "made": last - pd.to_timedelta(draw.integers(5, 90, 30), unit="D"),
            "month": pd.Timestamp("2026-07-01") + pd.to_timedelta(0, unit="D"),
            "amount": np.round(draw.uniform(300, 3000, 30), 2),
        }
    )
    limits = pd.DataFrame(
        {"department": DEPARTMENTS, "head_limit": 1000.0, "finance_limit": 20_000.0}
    )
    return {
        "spending_requests": frame,
        "commitments": commitments,
        "authority_limits": limits,
    }


def _goals(budget: pd.DataFrame) -> dict[str, pd.DataFrame]:
    plan = budget[(budget["version"] == "2026 adopted") & (budget["kind"] == "revenue")]
    goals = pd.DataFrame(
        {
            "goal": "Sales of the year", "department": "Sales", "measure": "sales",
            "region": "all", "month": plan["month"], "target": plan["amount"],
            "unit": "GBP", "owner": "Head of sales",
        }
    )  # fmt: skip
    tasks = pd.DataFrame(
        [
            ("T1", "Sales of the year", "Renew contracts of the ten largest accounts", "Sales", "Ann", "2026-03-02", "2026-05-29", "2026-05-20"),
            ("T2", "Sales of the year", "Agree a second supplier for S05's items", "Purchasing", "Ben", "2026-04-13", "2026-06-12", None),
            ("T3", "Sales of the year", "Call every gold customer who has not bought for a month", "Service", "Cai", "2026-06-01", "2026-07-10", None),
        ],
        columns=["task", "goal", "what", "department", "owner", "agreed", "due", "done"],
    )  # fmt: skip
    return {"goals": goals, "tasks": tasks}
