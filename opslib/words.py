"""This module owns the two languages: sentences, numbers, money and dates.

A sentence is written once in English where it is said and stands with its Chinese
twin in the catalogue beside its module (`<package>/locale/zh.po`, gettext through
Babel).
`say = words.catalogue(__package__)` gives the function that joins both;
its answer is a `Text`: a `str` in the language now spoken that carries both.
"""

from __future__ import annotations

import datetime as dt
import functools
import math
import os
from importlib import resources
from typing import TYPE_CHECKING, Any

from babel import dates, numbers
from babel.messages import pofile

if TYPE_CHECKING:
    from collections.abc import Callable

LANGUAGES = ("en", "zh")
_LOCALES = {"en": "en_GB", "zh": "zh_CN"}
_state = {"language": os.environ.get("OPSLIB_LANGUAGE", "en")}
_spoken: dict[str, Text] = {}


class Text(str):
    """A text in both languages that reads, as a `str`, in the one now spoken.

    Attributes:
        en: The English text.
        zh: The Chinese text.

    Example:
        >>> t = Text("stock", "库存")
        >>> str(t), t.zh
        ('stock', '库存')
    """

    en: str
    zh: str

    def __new__(cls, en: str, zh: str = "") -> Text:
        """Join the two; without Chinese, English stands in for it."""
        zh = zh or en
        now = super().__new__(cls, zh if _state["language"] == "zh" else en)
        now.en, now.zh = str(en), str(zh)
        if en != zh:
            _spoken[str(now)] = now
        return now

    def __getnewargs__(self) -> tuple[str, str]:
        """Let pickle and copy keep both languages."""
        return (self.en, self.zh)

    def in_language(self, language: str) -> str:
        """Return the plain text in `en` or `zh`."""
        return self.zh if language == "zh" else self.en

    def to_dict(self) -> dict[str, str]:
        """Return both languages for a manifest."""
        return {"en": self.en, "zh": self.zh}


def text(value: Any) -> Text:
    """Return a `Text` from a `Text`, a plain text or a stored pair.

    Example:
        >>> text({"en": "stock", "zh": "库存"}).zh
        '库存'
    """
    if isinstance(value, Text):
        return value
    if isinstance(value, dict):
        return Text(str(value.get("en", "")), str(value.get("zh", "")))
    return Text(str(value))


def speak(language: str) -> None:
    """Choose the language that new texts read in, `en` or `zh`."""
    if language not in LANGUAGES:
        msg = f"language {language!r} is not spoken here; use one of {LANGUAGES}"
        raise ValueError(msg)
    _state["language"] = language


def spoken_language() -> str:
    """Return the language that new texts read in."""
    return _state["language"]


def twin(plain: str) -> Text | None:
    """Return the `Text` that was said with this plain text, where there was one."""
    return _spoken.get(plain)


def twins(plains: set[str]) -> dict[str, dict[str, str]]:
    """Return both languages of those texts that were said, keyed by the plain text."""
    return {p: _spoken[p].to_dict() for p in sorted(plains) if p in _spoken}


def catalogue(package: str) -> Callable[..., Text]:
    """Return the function that says a package's sentences in both languages.

    Args:
        package: Dotted name of the package whose `locale/zh.po` holds the twins.

    Returns:
        `say(sentence, **values)`: the sentence is English with named places in
        braces; values are texts or what `money`, `number`, `percent`, `day` return.
    """

    def say(sentence: str, **values: Any) -> Text:
        chinese = _translations(package).get(sentence, sentence)
        texts = {k: text(v) for k, v in values.items()}
        return Text(
            sentence.format(**{k: t.en for k, t in texts.items()}),
            chinese.format(**{k: t.zh for k, t in texts.items()}),
        )

    return say


def number(value: float, digits: int | None = None) -> Text:
    """Write a number as each language does, three significant digits by default.

    Example:
        >>> number(1234567).en, number(1234567).zh, number(0.1234).en
        ('1.23M', '123万', '0.123')
    """
    if not _finite(value):
        return Text("unknown", "未知")
    if digits is None and abs(value) >= 100_000:
        return _both(
            lambda place: numbers.format_compact_decimal(
                float(_three(value)), locale=place, fraction_digits=2
            )
        )
    if digits is None:
        digits = 0 if abs(value) >= 100 or float(value).is_integer() else None
    if digits is None:
        digits = max(0, 2 - math.floor(math.log10(abs(value)))) if value else 0
    form = "#,##0" + ("." + "0" * min(digits, 6) if digits else "")
    return _both(lambda place: numbers.format_decimal(value, form, locale=place))


def percent(share: float, digits: int = 0) -> Text:
    """Write a share (.12) as per cent (12%).

    Example:
        >>> percent(.1234, 1).en
        '12.3%'
    """
    if not _finite(share):
        return Text("unknown", "未知")
    form = "0" + ("." + "0" * digits if digits else "") + "%"
    return _both(lambda place: numbers.format_percent(share, form, locale=place))


def money(amount: float, currency: str = "CNY", digits: int | None = None) -> Text:
    """Write an amount of money, large ones compact (£1.25M, £125万).

    Example:
        >>> money(1250000, "GBP").en, money(1250000, "GBP").zh
        ('£1.25M', '£125万')
    """
    if not _finite(amount):
        return Text("unknown", "未知")
    if digits is None and abs(amount) >= 100_000:
        return _both(
            lambda place: numbers.format_compact_currency(
                float(_three(amount)), currency, locale=place, fraction_digits=2
            )
        )
    places = (0 if abs(amount) >= 100 else 2) if digits is None else digits
    return _both(
        lambda place: numbers.format_currency(
            round(amount, places),
            currency,
            format="¤#,##0" + ("." + "0" * places if places else ""),
            locale=place,
            currency_digits=False,
        )
    )


def day(value: Any) -> Text:
    """Write a date as each language does.

    Example:
        >>> day("2026-03-02").en, day("2026-03-02").zh
        ('2 Mar 2026', '2026年3月2日')
    """
    if not isinstance(value, dt.date):
        value = dt.date.fromisoformat(str(value)[:10])
    return _both(lambda place: dates.format_date(value, "medium", locale=place))


def month(value: Any) -> Text:
    """Write a month as each language does.

    Example:
        >>> month("2026-03-02").en, month("2026-03-02").zh
        ('Mar 2026', '2026年3月')
    """
    if not isinstance(value, dt.date):
        value = dt.date.fromisoformat((str(value) + "-01")[:10])
    return _both(lambda place: dates.format_skeleton("yMMM", value, locale=place))


def between(low: Text, high: Text) -> Text:
    """Write an interval from two written numbers.

    Example:
        >>> between(number(3), number(5)).en
        '3 to 5'
    """
    return Text(f"{low.en} to {high.en}", f"{low.zh} 至 {high.zh}")


def listing(items: list[Any]) -> Text:
    """Write a list as each language does.

    Example:
        >>> listing(["a", "b", "c"]).en
        'a, b and c'
    """
    texts = [text(i) for i in items]
    if len(texts) < 2:
        return texts[0] if texts else Text("none", "无")
    en = ", ".join(t.en for t in texts[:-1]) + " and " + texts[-1].en
    return Text(en, "、".join(t.zh for t in texts))


@functools.cache
def _translations(package: str) -> dict[str, str]:
    home = resources.files(package) / "locale" / "zh.po"
    if not home.is_file():
        return {}
    with home.open("rb") as source:
        entries = pofile.read_po(source)
    return {str(m.id): str(m.string) for m in entries if m.id and m.string}


def _both(write: Callable[[str], str]) -> Text:
    return Text(*(write(_LOCALES[language]) for language in LANGUAGES))


def _three(value: float) -> str:
    return f"{value:.3g}"


def _finite(value: Any) -> bool:
    return value is not None and math.isfinite(value)
