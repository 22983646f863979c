"""This module owns the week's list: for each customer one next action, by owner.

A customer is approached once: where several reasons meet, the one that binds us most
is kept (an open follow-up, then a contact that pays, a birthday, a first purchase to
thank for, a day for all members).
"""

from __future__ import annotations

import pandas as pd

from opslib import checks, periods

ACTIONS = (
    "follow_up", "contact", "leave", "birthday", "welcome", "holiday", "member_day",
)  # fmt: skip
DAYS = 7


def next_actions(
    plan: pd.DataFrame, calendar: pd.DataFrame, stages: pd.DataFrame, *,
    today: str | pd.Timestamp, owners: pd.DataFrame | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Return what to do for whom in the seven days from a day on, one row a customer.

    Args:
        plan: What `plan_contacts` returned: customer, owner, gain, held.
        calendar: What `care_calendar` returned; only these customers may be contacted.
        stages: customer, stage; the new ones are welcomed where the plan or the
            calendar may reach them.
        today: The day on which the week starts.
        owners: customer, owner (who may be contacted); without it nobody is welcomed
            and owners come from the plan.

    Returns:
        owner, customer, action (one of `ACTIONS`; `leave` keeps a customer apart to
        measure the effect), day, detail, gain (money, or missing where it cannot be
        said); by owner, then by gain.
    """
    checks.columns(plan, ["customer", "owner", "gain", "held"], "plan")
    start = pd.Timestamp(periods.day(today))
    parts = [
        plan.assign(
            action=plan["held"].map({True: "leave", False: "contact"}), day=start
        )
    ]
    near = calendar[pd.to_datetime(calendar["day"]) < start + pd.Timedelta(days=DAYS)]
    parts.append(near.rename(columns={"reason": "action"}))
    if owners is not None and len(owners):
        new = stages.loc[stages["stage"] == "new", "customer"]
        may = owners.loc[owners["customer"].isin(new), ["customer"]]
        parts.append(may.assign(action="welcome", day=start))
    names = ["customer", "action", "day", "detail", "gain"]
    told = pd.concat(
        [p.reindex(columns=names).astype({"gain": float}) for p in parts if len(p)]
        or [pd.DataFrame(columns=names)]
    )
    known = plan if owners is None else pd.concat([owners, plan])
    owner = known.drop_duplicates("customer").set_index("customer")["owner"]
    rank = told["action"].map({a: i for i, a in enumerate(ACTIONS)})
    told = told.assign(owner=told["customer"].map(owner).fillna(""), rank=rank)
    told = told.sort_values(["rank", "day"]).drop_duplicates("customer")
    told = told.assign(detail=told["detail"].fillna(""))
    order = ["owner", "rank", "gain", "customer"]
    told = told.sort_values(order, ascending=[True, True, False, True])
    return told[["owner", *names]].reset_index(drop=True)
