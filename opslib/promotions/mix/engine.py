"""This module owns the engine of the channel mix: seconds, deterministic, with draws.

For each saturation form an ensemble of walkers, begun from many starts, moves through
the shapes of the channels (carry-over, half point, steepness); what each channel adds
is drawn between, never negative; baseline and controls are projected out exactly.
The forms are then averaged.

Long because search, fit and draws share one set of projected series.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit, log_ndtr, ndtri_exp

from opslib import checks
from opslib.promotions.mix.design import UNSEEN, Design, make_design, spend_lags
from opslib.promotions.mix.forms import FORMS, LAGS, carry_weights, lagged, saturate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from opslib.promotions.mix.experiment import LiftTest
    from opslib.promotions.mix.forms import Array
    from opslib.promotions.mix.panel import Panel

PRIOR_KEEP = (-0.8, 1.0)  # logit of what is left a week later
PRIOR_HALF = (0.3, 0.8)  # log of the half point, in usual weeks
PRIOR_STEEP = (0.3, 0.4)  # log of the steepness of `hill`
PRIOR_MOST = 0.5  # most a channel adds, as share of sales, half normal
PRIOR_REGION = 0.25  # how far regions differ, log scale
MIN_DRAWS = 50


@dataclass(frozen=True, kw_only=True)
class Draws:
    """Draws of one form's parameters; the first axis is the draw.

    Attributes:
        form: The saturation form.
        keep: Share left a week later, by channel.
        half: Half point by channel and region, in usual weeks.
        steep: Steepness by channel.
        most: Most the channel can add, as share of the region's sales, by region.
        power: How far effects grow with the season: 0 not at all, 1 in proportion.
        noise: Standard deviation of what is left, as share of sales.
        fit: Log likelihood of each row under each draw, for comparing forms.
    """

    form: str
    keep: Array
    half: Array
    steep: Array
    most: Array
    power: Array
    noise: Array
    fit: Array


@dataclass(frozen=True, kw_only=True)
class Mix:
    """A fitted channel mix.

    Attributes:
        panel: What was read.
        design: The same in the engine's units.
        draws: Draws by form, each thinned to its weight.
        weights: Weight of each form.
        paths: Added sales in money by draw, channel, region and week; all forms.
        by_form: Mean added sales in all weeks by form and channel.
        seed: The seed used.
    """

    panel: Panel
    design: Design
    draws: tuple[Draws, ...]
    weights: dict[str, float]
    paths: Array
    by_form: dict[str, Array]
    seed: int


def fit_mix(
    panel: Panel,
    *,
    forms: tuple[str, ...] = FORMS,
    tests: tuple[LiftTest, ...] = (),
    draws: int = 400,
    sweeps: int = 240,
    seed: int = 1,
) -> Mix:
    """Return the fitted mix: what each channel added, averaged over saturation forms.

    Assumes that spend is not steered by short moves of sales that the controls miss; a
    channel that is (own-name search) belongs into `captures` of `build_panel`.

    Args:
        panel: Weekly panel.
        forms: Saturation forms to average.
        tests: Experiments that tighten a channel's return.
        draws: Draws kept in all.
        sweeps: Passes of the ensemble for each form; the first half is thrown away.
        seed: Seed of everything random; the same seed gives the same numbers.

    Returns:
        Parameters and weekly contributions, all as draws that add up.

    Raises:
        ValueError: A form or a tested channel is unknown, or too few draws.

    Example:
        >>> from opslib.promotions.mix.recovery import example_panel
        >>> mix = fit_mix(example_panel()[0], sweeps=40, draws=60)
        >>> mix.paths.shape[1:]
        (2, 1, 104)
    """
    checks.at_least(draws, MIN_DRAWS, "draws", "Ask for more.")
    for test in tests:
        checks.one_of(test.channel, "channel of a lift test", panel.channels)
    for form in forms:
        checks.one_of(form, "form", FORMS)
    design = make_design(panel)
    found = [
        _Ensemble(
            panel, design, form, tests, np.random.default_rng([seed, FORMS.index(form)])
        ).run(sweeps)
        for form in forms
    ]
    weights = form_weights(found)
    kept = [
        _thinned(d, max(2, round(draws * w)))
        for d, w in zip(found, weights, strict=True)
        if w > 0.5 / draws
    ]
    paths = [contributions(panel, design, d) for d in kept]
    return Mix(
        panel=panel,
        design=design,
        draws=tuple(kept),
        seed=seed,
        paths=np.concatenate(paths),
        weights=dict(zip(forms, map(float, weights), strict=True)),
        by_form={
            d.form: p.sum(axis=(2, 3)).mean(axis=0)
            for d, p in zip(kept, paths, strict=True)
        },
    )


def form_weights(found: list[Draws]) -> Array:
    """Return how much each form counts: by expected fit on unseen weeks, damped.

    Fit hardly tells forms apart, so the difference in expected log density (WAIC) is
    halved before it is turned into weights; a form is dropped only where it clearly fails.
    """
    score = []
    for one in found:
        top = one.fit.max(axis=0)
        score.append(
            float(
                (
                    np.log(np.exp(one.fit - top).mean(axis=0))
                    + top
                    - one.fit.var(axis=0)
                ).sum()
            )
        )
    raw = np.exp(0.5 * (np.array(score) - max(score)))
    return raw / raw.sum()


def contributions(
    panel: Panel, design: Design, draws: Draws, *, scale: Array | None = None
) -> Array:
    """Return added sales in money by draw, channel, region and week.

    Args:
        panel: What was read.
        design: The same in the engine's units.
        draws: Parameters.
        scale: Factor on all spend of each channel, or None for spend as it was.
    """
    scale = np.ones(len(panel.channels)) if scale is None else scale
    regions, weeks = panel.sales.shape
    lags = design.lags.reshape(len(panel.channels), LAGS, regions, weeks)
    season = design.season.reshape(regions, weeks) ** draws.power[:, None, None]
    found = np.empty((len(draws.noise), len(panel.channels), regions, weeks))
    for c in range(len(panel.channels)):
        stock = np.einsum(
            "dl,lrw->drw", carry_weights(draws.keep[:, c]), lags[c] * scale[c]
        )
        share = saturate(
            stock, draws.half[:, c, :, None], draws.steep[:, c, None, None], draws.form
        )
        found[:, c] = share * draws.most[:, c, :, None] * season * design.size[:, None]
    return found


def lift_said(mix: Mix, test: LiftTest) -> Array:
    """Return what the mix says of a lift test: sales with its spend less sales without.

    Both go through the response, so that half of a saturated spend adds less than half.

    Args:
        mix: The fitted mix.
        test: The experiment; its own `lift` is not looked at.

    Returns:
        Money over the weeks and regions of the test, one for each draw.

    Raises:
        ValueError: The test meets no week of the panel, or its channel is unknown.

    Example:
        >>> from opslib.promotions.mix.experiment import LiftTest
        >>> from opslib.promotions.mix.recovery import example_panel
        >>> mix = fit_mix(example_panel()[0], sweeps=20, draws=60)
        >>> test = LiftTest(channel="channel 1", start="2023-06-05", stop="2023-07-03", lift=1, low=0, high=2)
        >>> bool((lift_said(mix, test) > 0).all())
        True
    """
    panel, inside = mix.panel, _inside(test, mix.panel)
    c, spend = panel.channels.index(test.channel), panel.spend.copy()
    spend[c, inside] *= 1 - test.share
    without = replace(mix.design, lags=spend_lags(spend, mix.design.usual))
    less = np.concatenate([contributions(panel, without, d)[:, c] for d in mix.draws])
    return (mix.paths[:, c] - less)[:, inside].sum(axis=1)


def _thinned(draws: Draws, count: int) -> Draws:
    at = np.linspace(0, len(draws.noise) - 1, count).round().astype(int)
    return Draws(
        form=draws.form,
        **{
            n: getattr(draws, n)[at]
            for n in ("keep", "half", "steep", "most", "power", "noise", "fit")
        },
    )


class _Ensemble:
    """Walkers of one form; each channel's shape moves while the others stand still.

    A move is the difference of two walkers of the other half (ter Braak 2006), judged
    with the channel's strength integrated out; the strength is then drawn.
    """

    walkers = 48

    def __init__(
        self,
        panel: Panel,
        design: Design,
        form: str,
        tests: tuple[LiftTest, ...],
        draw: np.random.Generator,
    ) -> None:
        self.form, self.design, self.draw = form, design, draw
        self.regions, self.weeks = panel.sales.shape
        self.channels = len(panel.channels)
        self.many = self.regions > 1
        self.shapes = 4 if self.many else 3
        self.wide = self.shapes + (self.regions if self.many else 0)
        self.relative = np.log(design.size) - np.log(design.size).mean()
        self.tests = [
            [_test(t, panel, design) for t in tests if t.channel == c]
            for c in panel.channels
        ]
        start = draw.normal(size=(self.walkers, self.channels, self.wide))
        self.shape = start * self._spread() + self._middle()
        self.power = (
            draw.random(self.walkers)
            if np.log(design.season).std() > 0.02
            else np.zeros(self.walkers)
        )
        self.noise = np.full(self.walkers, design.y.std())
        self.most = np.abs(draw.normal(0, 0.1, (self.walkers, self.channels)))
        self.column = np.stack(
            [
                self._columns(c, self.shape[:, c], self.power)
                for c in range(self.channels)
            ],
            axis=1,
        )

    def _middle(self) -> Array:
        return np.r_[
            PRIOR_KEEP[0], PRIOR_HALF[0], PRIOR_STEEP[0], np.zeros(self.wide - 3)
        ]

    def _spread(self) -> Array:
        far = np.full(self.wide, PRIOR_REGION)
        far[:3] = PRIOR_KEEP[1], PRIOR_HALF[1], PRIOR_STEEP[1]
        if self.many:
            far[3] = 1.5
        return far

    def run(self, sweeps: int) -> Draws:
        """Return the draws of the second half of the sweeps."""
        kept = []
        for sweep in range(sweeps):
            for c in range(self.channels):
                for half in (0, 1):
                    self._move(c, half)
            self._move_power()
            left = self._left()
            self._draw_noise(left)
            if sweep >= sweeps // 2 and sweep % 4 == 0:
                kept.append(self._snapshot(left))
        joined = [np.concatenate(parts) for parts in zip(*kept, strict=True)]
        names = ("keep", "half", "steep", "most", "power", "noise", "fit")
        return Draws(form=self.form, **dict(zip(names, joined, strict=True)))

    def _unpack(self, shape: Array) -> tuple[Array, Array, Array, Array]:
        """Return keep, half by region, steepness and regional strength of walkers."""
        keep, steep = expit(shape[:, 0]), np.exp(shape[:, 2])
        half = np.exp(shape[:, 1])[:, None] * np.ones(self.regions)
        if not self.many:
            return keep, half, steep, np.ones((len(shape), 1))
        half = half * np.exp(expit(shape[:, 3])[:, None] * self.relative)
        return keep, half, steep, np.exp(shape[:, self.shapes :])

    def _columns(self, c: int, shape: Array, power: Array) -> Array:
        keep, half, steep, region = self._unpack(shape)
        stock = carry_weights(keep) @ self.design.lags[c]
        by_row = [
            np.repeat(v, self.weeks, axis=1) if self.many else v for v in (half, region)
        ]
        found = saturate(stock, by_row[0], steep[:, None], self.form)
        scaled = self.design.season ** power[:, None] if power.any() else 1.0
        return found * by_row[1] * scaled * self.design.weight

    def _left(self, without: int | None = None) -> Array:
        most = self.most.copy()
        if without is not None:
            most[:, without] = 0
        return self.design.y - np.einsum("wc,wcn->wn", most, self.column)

    def _project(self, rows: Array) -> Array:
        return rows - (rows @ self.design.basis) @ self.design.basis.T

    def _strength(
        self, c: int, column: Array, left: Array, shape: Array, mine: Array
    ) -> tuple[Array, Array]:
        """Return precision and pull of a channel's strength, given its shape."""
        noise = self.noise[mine]
        inner = (column**2).sum(axis=1) - ((column @ self.design.basis) ** 2).sum(
            axis=1
        )
        precise = inner / noise**2 + 1 / PRIOR_MOST**2
        pull = (column * left).sum(axis=1) / noise**2
        for seen in self.tests[c]:
            told = seen.added(self, shape, self.power[mine])
            precise = precise + told**2 / seen.error**2
            pull = pull + told * seen.lift / seen.error**2
        return precise, pull

    def _worth(self, precise: Array, pull: Array, shape: Array) -> Array:
        prior = -0.5 * (((shape - self._middle()) / self._spread()) ** 2).sum(axis=1)
        mean = pull / np.sqrt(precise)
        return prior - 0.5 * np.log(precise) + 0.5 * mean**2 + log_ndtr(mean)

    def _move(self, c: int, half: int) -> None:
        """Move one half of the walkers in one channel's shape, then draw its strength."""
        mine = np.arange(half, self.walkers, 2)
        others = np.arange(1 - half, self.walkers, 2)
        now, draw, count = self.shape[mine, c], self.draw, len(mine)
        a = draw.integers(0, count, count)
        b = (a + draw.integers(1, count, count)) % count
        step = np.where(
            draw.random(count) < 0.1,
            1.0,
            2.38 / np.sqrt(2 * self.wide) * draw.uniform(0.3, 1.0, count),
        )
        chosen = draw.random((count, self.wide)) < draw.uniform(0.3, 1, count)[:, None]
        leap = (
            step[:, None]
            * (self.shape[others[a], c] - self.shape[others[b], c])
            * chosen
        )
        want = now + leap + draw.normal(0, 0.01, now.shape) * self._spread()
        left = self._project(self._left(without=c)[mine])
        column = self._columns(c, want, self.power[mine])
        before = self._strength(c, self.column[mine, c], left, now, mine)
        after = self._strength(c, column, left, want, mine)
        gain = self._worth(*after, want) - self._worth(*before, now)
        taken = np.log(draw.random(count)) < gain
        self.shape[mine[taken], c] = want[taken]
        self.column[mine[taken], c] = column[taken]
        precise, pull = (
            np.where(taken, new, old) for new, old in zip(after, before, strict=True)
        )
        mean = pull / np.sqrt(precise)
        self.most[mine, c] = np.maximum(
            0, mean - ndtri_exp(np.log(draw.random(count)) + log_ndtr(mean))
        ) / np.sqrt(precise)

    def _move_power(self) -> None:
        """Move how far effects grow with the season, judged by sales and by tests."""
        if not self.power.any():
            return
        want = self.power + self.draw.normal(0, 0.3, self.walkers)
        want = np.abs(want - 2 * np.maximum(0, want - 1))
        want = np.where(want > 1, self.power, want)
        turned = self.column * self.design.season ** (want - self.power)[:, None, None]
        miss = [
            (
                (r := self.design.y - np.einsum("wc,wcn->wn", self.most, col))
                * self._project(r)
            ).sum(axis=1)
            for col in (self.column, turned)
        ]
        gain = (miss[0] - miss[1]) / (2 * self.noise**2)
        for c, tests in enumerate(self.tests):
            for seen in tests:
                now, then = (
                    (
                        self.most[:, c] * seen.added(self, self.shape[:, c], p)
                        - seen.lift
                    )
                    / seen.error
                    for p in (self.power, want)
                )
                gain = gain + (now**2 - then**2) / 2
        taken = np.log(self.draw.random(self.walkers)) < gain
        self.power = np.where(taken, want, self.power)
        self.column = np.where(taken[:, None, None], turned, self.column)

    def _draw_noise(self, left: Array) -> None:
        miss = (left * self._project(left)).sum(axis=1)
        free = len(self.design.y) - self.design.flat
        self.noise = np.sqrt(miss / 2 / self.draw.gamma(free / 2, 1, self.walkers))

    def _snapshot(self, left: Array) -> tuple[Array, ...]:
        told = [self._unpack(self.shape[:, c]) for c in range(self.channels)]
        keep, half, steep = (np.stack([t[i] for t in told], axis=1) for i in range(3))
        most = np.stack([t[3] for t in told], axis=1) * self.most[:, :, None]
        rest = self._project(left) / self.noise[:, None]
        fit = (self.design.weight > UNSEEN) * (
            -0.5 * rest**2 - np.log(self.noise)[:, None]
        )
        return keep, half, steep, most, self.power.copy(), self.noise.copy(), fit


@dataclass(frozen=True, kw_only=True)
class _Seen:
    """A lift test in the engine's units."""

    with_lags: Array
    without_lags: Array
    rows: Array
    money: Array
    lift: float
    error: float

    def added(self, ensemble: _Ensemble, shape: Array, power: Array) -> Array:
        """Return what the test's spend adds per unit of strength, in money."""
        keep, half, steep, region = ensemble._unpack(shape)
        half, region = (
            np.repeat(v, ensemble.weeks, axis=1)[:, self.rows] for v in (half, region)
        )
        carried = carry_weights(keep)
        levels = [
            saturate(carried @ x, half, steep[:, None], ensemble.form)
            for x in (self.with_lags, self.without_lags)
        ]
        season = ensemble.design.season[self.rows] ** power[:, None]
        return ((levels[0] - levels[1]) * region * season * self.money).sum(axis=1)


def _inside(test: LiftTest, panel: Panel) -> NDArray[np.bool_]:
    """Return the regions and weeks of a lift test."""
    checks.one_of(test.channel, "channel of a lift test", panel.channels)
    inside = np.zeros(panel.sales.shape, dtype=bool)
    inside[[not test.regions or r in test.regions for r in panel.regions]] = (
        panel.weeks >= test.start
    ) & (panel.weeks <= test.stop)
    if not inside.any():
        msg = f"the lift test of {test.channel!r} from {test.start} to {test.stop} in {list(test.regions) or 'all regions'} meets no week of the panel; it must lie within {panel.weeks[0]:%Y-%m-%d} to {panel.weeks[-1]:%Y-%m-%d}"
        raise ValueError(msg)
    return inside


def _test(test: LiftTest, panel: Panel, design: Design) -> _Seen:
    checks.between(test.share, "share of a lift test", low=0, high=1, open_low=True)
    if not test.low < test.high:
        msg = f"the lift test of {test.channel!r} has the interval {test.low:g} to {test.high:g}; its lower end must lie below its upper end"
        raise ValueError(msg)
    inside, c = _inside(test, panel), panel.channels.index(test.channel)
    spend = panel.spend[c] / design.usual[c]
    rows = np.flatnonzero(inside.ravel())
    told = [
        lagged(x).reshape(LAGS, -1)[:, rows]
        for x in (spend, np.where(inside, spend * (1 - test.share), spend))
    ]
    money = np.repeat(design.size, len(panel.weeks))[rows]
    return _Seen(
        with_lags=told[0],
        without_lags=told[1],
        rows=rows,
        money=money,
        lift=test.lift,
        error=test.error,
    )
