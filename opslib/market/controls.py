"""This module owns the market room's what-ifs: ratings, prices, features, options."""

# fmt: off
from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from opslib.market.answer import _part, points
from opslib.show import Outcome, Slider, WhatIf
from opslib.words import catalogue

if TYPE_CHECKING:
    from opslib.market.survey.study import Study

say = catalogue(__package__ or "opslib.market")


def ratings(study: Study) -> WhatIf:
    """Return a slider for the rating of each side; the score follows with its range."""
    waves, scale, (slope, again) = study.waves, study.sets.scale, study.gains
    parts, now = study.driving.sort_values("at")["part"].tolist(), float(waves["score"].iloc[-1])
    error = float(waves["high"].iloc[-1] - waves["low"].iloc[-1]) / 3.92

    def compute(**steps: float) -> Outcome:
        step = np.array([steps[p] for p in parts])
        moved = again @ step
        spread = float(np.sqrt(error**2 + (scale * (moved - moved.mean()) ** 2).sum()))
        score = min(100.0, now + float(slope @ step))
        return Outcome(headline=say("The recommendation score would be near {score} points ({low} to {high}).", score=points(score), low=points(max(-100, score - 1.96 * spread)), high=points(min(100, score + 1.96 * spread))))

    sliders = [Slider(name=p, label=say("Rating of {part}, change", part=_part(p)), low=-0.5, high=1.0, step=0.1, value=0.0) for p in parts]
    still = dict.fromkeys(parts, 0.0)
    return WhatIf(sliders=sliders, compute=compute, cases=[still, *(still | {p: 0.5} for p in parts)])
