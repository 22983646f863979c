"""This module owns static reports: an executed notebook as a page without code.

A page is made in each language from one execution: findings, tables, what-if cases
and the words of charts carry both. The plotting script lies once beside the reports;
a second form of the page holds still pictures and is small enough to mail.
"""

from __future__ import annotations

import base64
import csv
import functools
import io
import json
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
import mistune

from opslib import places, words
from opslib.findings import Finding
from opslib.runs import keys, parameters
from opslib.runs.keep import changes
from opslib.show import card, controls, stills, tables, theme
from opslib.words import Text, catalogue

if TYPE_CHECKING:
    from collections.abc import Iterator

say = catalogue(__package__ or "opslib.publish")
OTHER = {"en": "zh", "zh": "en"}
MARK = keys.PAGE_MARK


def publish(told: dict[str, Any], language: str) -> Path:
    """Make the pages and downloads of one run and return the main page.

    Args:
        told: The run's manifest.
        language: The company's language; its page is `report.html`.
    """
    folder = places.reports() / told["folder"]
    book = json.loads((folder / "notebook.ipynb").read_text("utf-8"))
    downloads = _write_downloads(folder, book, told)
    for one in ("en", "zh"):
        main = one == language
        names = {
            "page": "report.html" if main else f"report.{one}.html",
            "mail": f"mail.{one}.html",
        }
        twin = f"report.{OTHER[one]}.html" if main else "report.html"
        for kind in ("page", "mail"):
            text = _page(
                book,
                told,
                one,
                kind=kind,
                twin=twin,
                mail=names["mail"],
                downloads=downloads,
                main=main,
            )
            places.put(folder / names[kind], text)
    (folder / MARK).write_text(keys.page_hash())
    return folder / "report.html"


def assets() -> Path:
    """Put the plotting script beside the reports, once; return it."""
    import plotly

    source = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
    place = places.reports() / "assets" / f"plotly-{plotly.__version__}.min.js"
    if not place.is_file():
        places.put(place, source.read_bytes())
    return place


@functools.cache
def environment() -> jinja2.Environment:
    """Return the page templates; whatever they fill in is escaped."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader("opslib.publish"), autoescape=True, trim_blocks=True
    )


def template_file(name: str) -> str:
    """Return the text of a file beside the templates."""
    return (resources.files("opslib.publish") / "templates" / name).read_text("utf-8")


def figures(book: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the Plotly figures of an executed notebook, in order."""
    return [
        o["data"]["application/vnd.plotly.v1+json"]
        for c in book["cells"]
        for o in c.get("outputs", [])
        if "application/vnd.plotly.v1+json" in o.get("data", {})
    ]


def in_language(figure: dict[str, Any], language: str) -> dict[str, Any]:
    """Return a figure with its words in a language."""
    twins = (figure.get("layout", {}).get("meta") or {}).get("opslib_words", {})

    def walk(value: Any) -> Any:
        if isinstance(value, str):
            return twins[value][language] if value in twins else value
        if isinstance(value, dict):
            return {k: v if k == "template" else walk(v) for k, v in value.items()}
        if isinstance(value, list):
            return [walk(v) for v in value]
        return value

    return walk({k: v for k, v in figure.items() if k in ("data", "layout")})


def _page(
    book: dict[str, Any], told: dict[str, Any], language: str, *, kind: str, twin: str,
    mail: str, downloads: dict[str, list[str]], main: bool,
) -> str:  # fmt: skip
    depth = len(Path(told["folder"]).parts)
    up = "../" * depth
    made = Parts(language, still=kind == "mail", downloads=downloads, run=told if kind == "page" else None)  # fmt: skip
    parts = [part for cell in book["cells"] for part in made.of(cell)]
    changed = changes.since_last(told)
    if changed:
        head = say("What changed since last time").in_language(language)
        said = card.escape(changed.in_language(language))
        parts.append(f"<h2>{card.escape(head)}</h2><p>{said}</p>")
    where = say(
        "{company}, as of {day}", company=told["company"], day=words.day(told["day"])
    )
    foot = say(
        "Run {key}, data {snapshot}, opslib {version}; as of {day}",
        key=told["key"], snapshot=told["data"]["snapshot"] or "-",
        version=told["versions"]["opslib"], day=words.day(told["day"]),
    )  # fmt: skip
    index = "index.html" if main else f"index.{language}.html"
    company = "" if told["company"] == "demo" else f"{told['company']}/"
    return environment().get_template("report.html.j2").render(
        language=language, title=_title(book, language), css=css(), live=_live(told, language) if kind == "page" else "",
        js="" if kind == "mail" else template_file("page.js"),
        parts=parts, where=where.in_language(language), foot=foot.in_language(language),
        home=f"{up}{company}{index}" if kind == "page" else "", twin=twin if kind == "page" else "",
        mail=mail if kind == "page" else "",
        plotly=f"{up}assets/{assets().name}" if kind == "page" and figures(book) else "",
        say={
            "gallery": say("All answers").in_language(language),
            "other": "中文" if language == "en" else "English",
            "mail": say("One-file form to send").in_language(language),
            "live": say("Live page").in_language(language),
        },
    )  # fmt: skip


def shell(book: dict[str, Any], company: str, language: str) -> str:
    """Return a page with nothing but its title, for an answer still to come."""
    return environment().get_template("report.html.j2").render(
        language=language, title=_title(book, language), css=css(), js=template_file("page.js"),
        parts=[f"<h1>{card.escape(_title(book, language))}</h1>"], where=company, foot="", home="/", plotly=f"/reports/assets/{assets().name}",
        say={"gallery": say("All answers").in_language(language)},
    )  # fmt: skip


def sentence(what: Text, language: str, *, back: Text) -> str:
    """Return a page that says one plain sentence."""
    part = f"<h1>{card.escape(what.in_language(language))}</h1>"
    return environment().get_template("report.html.j2").render(
        language=language, title=what.in_language(language), css=css(), parts=[part],
        home="/", say={"gallery": back.in_language(language)},
    )  # fmt: skip


def css() -> str:
    """Return the style of whole pages."""
    return theme.css() + template_file("page.css")


def _live(told: dict[str, Any], language: str) -> str:
    """Return the address of the live page of a run's parameters."""
    given = {k: v for k, v in told["parameters"].items() if k != "company"}
    known = parameters.declared(places.notebooks() / f"{told['name']}.ipynb")
    query = parameters.query({k: v for k, v in given.items() if k in known and v != known[k].default})  # fmt: skip
    return f"/live/{told['company']}/{told['name']}?{query}{'&' if query else ''}language={language}"


def _title(book: dict[str, Any], language: str) -> str:
    first = _prose(book["cells"][0], language).splitlines()[0]
    return first.lstrip("# ").strip()


def _prose(cell: dict[str, Any], language: str) -> str:
    source = (
        cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])
    )
    return cell["metadata"].get("zh", source) if language == "zh" else source


class Parts:
    """Turns the cells of an executed notebook, in order, into the parts of a page."""

    def __init__(
        self,
        language: str,
        *,
        still: bool,
        downloads: dict[str, list[str]],
        run: dict[str, Any] | None = None,
    ) -> None:
        """Begin a page; with the manifest of its run it takes decisions."""
        self.language, self.still, self.run = language, still, run
        self.downloads = {} if still else downloads
        self._finding: Finding | None = None
        self._figures = 0
        self._markdown = mistune.create_markdown(escape=True)

    def of(self, cell: dict[str, Any]) -> Iterator[str]:
        """Yield what a cell adds to the page."""
        if "lab-only" in cell["metadata"].get("tags", []):
            return
        if cell["cell_type"] == "markdown":
            yield self._markdown(_prose(cell, self.language))
        for output in cell.get("outputs", []):
            hung = output.get("metadata", {}).get("opslib", {})
            if hung.get("kind") == "finding":
                self._finding = Finding.from_dict(hung["data"])
            if "application/vnd.plotly.v1+json" in output.get("data", {}):
                self._figures += 1
                drawn = output["data"]["application/vnd.plotly.v1+json"]
                name = f"figure-{self._figures}"
                yield figure(in_language(drawn, self.language), name, still=self.still)
            else:
                yield self._output(hung.get("kind"), hung.get("data"), cell.get("id", ""))  # fmt: skip

    def _output(self, kind: str | None, data: Any, cell: str) -> str:
        language, finding = self.language, self._finding
        if kind == "table":
            links = _links(self.downloads.get(data["name"], []), language)
            return tables.render(data, language) + links
        if kind == "what_if":
            cases = controls.cases_html(data, language)
            return (
                f'<div class="ops-slot" data-slot="{card.escape(cell)}">{cases}</div>'
            )
        if finding is not None and kind == "actions":
            shown = card.actions_html(finding, language)
            return shown + (_decide(self.run, finding, language) if self.run else "")
        if finding is not None and kind in ("finding", "checks"):
            make = {"finding": card.html, "checks": card.checks_html}
            return make[kind](finding, language)
        return ""


def _decide(told: dict[str, Any], finding: Finding, language: str) -> str:
    """Return the forms by which a served page takes decisions and comments."""
    choices = {
        "accept": say("Accept"), "change": say("Change"), "put-off": say("Put off"),
        "refuse": say("Refuse"), "done": say("Done"),
    }  # fmt: skip
    said = {
        "title": say("Decide"), "action": say("Which"), "choice": say("What"), "why": say("Reason"), "until": say("Until"),
        "keep": say("Keep"), "comment": say("A word to the analyst"), "send": say("Send"),
    }  # fmt: skip
    return environment().get_template("decide.html.j2").render(
        view=told["company"], run=told["key"], language=language,
        actions=[a.what.in_language(language) for a in finding.actions],
        choices=[(k, v.in_language(language)) for k, v in choices.items()],
        say={k: v.in_language(language) for k, v in said.items()},
    )  # fmt: skip


def figure(told: dict[str, Any], name: str, *, still: bool = False) -> str:
    """Return a Plotly figure as HTML: a still picture that scripts bring to life."""
    picture = _picture(json.dumps(told))
    title = told["layout"].get("title", {}).get("text", "")
    label = card.escape(title)
    if still:
        return f'<figure class="figure" role="img" aria-label="{label}">{_captioned(label)}{picture}</figure>'
    data = json.dumps(told).replace("<", "\\u003c")
    return (
        f'<div class="figure" role="img" aria-label="{label}" data-figure="{name}">{picture}</div>'
        f'<script type="application/json" id="{name}">{data}</script>'
    )


@functools.lru_cache(maxsize=64)
def _picture(figure: str) -> str:
    """Draw a still once for the page and for its form to mail."""
    return stills.svg(json.loads(figure))


def _captioned(label: str) -> str:
    return f"<figcaption><b>{label}</b></figcaption>"


def _links(files: list[str], language: str) -> str:
    if not files:
        return ""
    word = say("Download").in_language(language)
    mine = [f for f in files if (".zh." in f) == (language == "zh")]
    links = "".join(
        f'<a href="{card.escape(f)}" download>{word} {Path(f).suffix[1:].upper()}</a>'
        for f in mine
    )
    return f'<p class="files">{links}</p>'


def _write_downloads(
    folder: Path, book: dict[str, Any], told: dict[str, Any]
) -> dict[str, list[str]]:
    """Write every table as CSV and Excel in both languages; formulas stay text."""
    found: dict[str, list[str]] = {}
    for cell in book["cells"]:
        for output in cell.get("outputs", []):
            hung = output.get("metadata", {}).get("opslib", {})
            if hung.get("kind") == "table" and hung["data"]["rows"]:
                data = hung["data"]
                found[data["name"]] = [
                    f
                    for language in ("en", "zh")
                    for f in _table_files(folder, data, told, language)
                ]
    return found


def _table_files(
    folder: Path, data: dict[str, Any], told: dict[str, Any], language: str
) -> list[str]:
    import xlsxwriter

    heads = [words.text(h["label"]).in_language(language) for h in data["headings"]]
    rows = [[_value(v, language) for v in row] for row in data["rows"]]
    stem = data["name"] if language == "en" else f"{data['name']}.zh"
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([*heads, say("Run").in_language(language)])
    writer.writerows([*(_harmless(v) for v in row), told["key"]] for row in rows)
    (folder / f"{stem}.csv").write_text(text.getvalue(), "utf-8-sig")
    if made := data.get("workbooks", {}).get(language):
        (folder / f"{stem}.xlsx").write_bytes(base64.b64decode(made))
        return [f"{stem}.csv", f"{stem}.xlsx"]
    book = xlsxwriter.Workbook(
        str(folder / f"{stem}.xlsx"),
        {"strings_to_formulas": False, "strings_to_urls": False},
    )
    bold = book.add_format({"bold": True, "bottom": 1})
    forms = [book.add_format({"num_format": _excel_form(h)}) for h in data["headings"]]
    sheet = book.add_worksheet(data["name"][:31])
    sheet.write_row(0, 0, heads, bold)
    for r, row in enumerate(rows, 1):
        for c, value in enumerate(row):
            if isinstance(value, str):
                sheet.write_string(r, c, value)
            elif value is not None:
                sheet.write(r, c, value, forms[c])
    sheet.write_string(
        len(rows) + 2, 0, f"{say('Run').in_language(language)} {told['key']}"
    )
    sheet.freeze_panes(1, 0)
    sheet.set_column(0, len(heads) - 1, 16)
    book.close()
    return [f"{stem}.csv", f"{stem}.xlsx"]


def _value(value: Any, language: str) -> Any:
    return words.text(value).in_language(language) if isinstance(value, dict) else value


def _harmless(value: Any) -> Any:
    """Keep a spreadsheet from reading text as a formula."""
    return f"'{value}" if isinstance(value, str) and value[:1] in "=+-@\t\r" else value


def _excel_form(told: dict[str, Any]) -> str:
    digits = told["digits"]
    if told["kind"] == "percent":
        return "0%" if not digits else f"0.{'0' * digits}%"
    if told["kind"] in ("number", "money"):
        return (
            "#,##0"
            if digits == 0
            else "#,##0.00"
            if told["kind"] == "money"
            else "General"
        )
    return "General"
