"""This module owns the command line; each verb calls one function.

Imports stand inside the verbs, so that help and a run with nothing to do are quick.
Long because every verb says each of its options in words.
"""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer

from opslib import places, words
from opslib.errors import OpslibError

say = words.catalogue("opslib")
app = typer.Typer(
    help="Operating data in, answers out. Start with: opslib run --demo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Company = Annotated[
    str,
    typer.Option(
        help="Whose data, such as demo.", callback=lambda company: _speak(company)
    ),
]
Language = Annotated[
    str, typer.Option(help="en or zh; empty: the company's own, or en.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Do it without asking.")]


@app.command()
def demo(
    size: Annotated[float, typer.Option(help="1: three years, 300 products.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Another seed, another company.")] = 7,
    language: Language = "",
) -> None:
    """Build the demonstration company. Example: opslib demo --size 0.1."""
    from opslib import demo as maker

    print(say("Building the demonstration company ..."), file=sys.stderr)
    place = _short(maker.build("demo", size=size, seed=seed, language=language or "en"))
    print(say("Its warehouse stands at {place}.", place=place))


@app.command()
def start(
    file: Annotated[Path, typer.Argument(help="An Excel, CSV, Parquet or JSON file.")],
    company: Annotated[str, typer.Option(help="A name for the company.")] = "",
    yes: Annotated[
        bool, typer.Option("--yes", help="Take the best guess, ask nothing.")
    ] = False,
) -> None:
    """Bring in a file never seen before. Example: opslib start sales.xlsx."""
    from opslib.runs import listing
    from opslib.warehouse import start as starter

    begun = starter.start(file, company=company or None, ask=None if yes else _ask)
    next_ = say("Next: opslib run --company {company}", company=begun.company)
    print(begun.report(), listing.answerable(begun.company), next_, sep="\n")


@app.command()
def template(
    table: Annotated[str, typer.Argument(help="A table, such as sales_lines.")],
    to: Annotated[Path | None, typer.Option(help="File; default: TABLE.xlsx.")] = None,
    language: Language = "en",
) -> None:
    """Write an empty Excel form. Example: opslib template purchase_orders."""
    from opslib.warehouse import template as form

    path = form.write(table, to or Path(f"{table}.xlsx"), language or "en")
    print(say("The empty form stands at {place}.", place=_short(path)))


@app.command()
def load(
    mapping: Annotated[Path | None, typer.Argument(help="One mapping file.")] = None,
    company: Company = "demo",
) -> None:
    """Load what is new. Example: opslib load --company sales."""
    from opslib.runs.keep import log
    from opslib.warehouse import intake

    loaded = str(intake.load(company, mapping).report())
    log.note("info", loaded, company=company, exit=log.LOADS[0])
    print(loaded)


@app.command()
def check(company: Company = "demo", language: Language = "") -> None:
    """Judge the data's quality. Example: opslib check --company demo."""
    from opslib.publish import quality

    print(quality.publish(company, language=language))


@app.command()
def run(
    names: Annotated[
        list[str] | None, typer.Argument(help="Notebooks or rooms; none: all.")
    ] = None,
    company: Company = "demo",
    demo: Annotated[bool, typer.Option("--demo", help="Build it if needed.")] = False,
    grid: Annotated[
        list[str] | None, typer.Option(help="cover_weeks=4,8: one run each.")
    ] = None,
    preset: Annotated[str, typer.Option(help="A preset of gallery.yaml.")] = "",
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="name=value, once each.")
    ] = None,
    jobs: Annotated[int, typer.Option(help="At a time; 0: one a core.")] = 0,
    timeout: Annotated[int, typer.Option(help="Seconds for one notebook.")] = 900,
    as_of: Annotated[str, typer.Option(help="Last day of data to use.")] = "",
    due: Annotated[bool, typer.Option("--due", help="Only what is due.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Run even if kept.")] = False,
    memory: Annotated[int, typer.Option(help="Most MB of one; 0: a fair share.")] = 0,
    repair: Annotated[
        bool, typer.Option("--repair", help="The last batch again, where it failed.")
    ] = False,
    pages: Annotated[bool, typer.Option(help="Make reports and gallery.")] = True,
    cluster: Annotated[str, typer.Option(help="Dask scheduler that runs them.")] = "",
) -> None:
    """Run notebooks and publish. Example: opslib run stock_health --grid cover_weeks=4,8."""
    from opslib import runs

    if demo and company == "demo":
        _demo_if_needed()
    batch = runs.run(
        company,
        names or None,
        given=_pairs(set_ or []),
        grid=_pairs(grid or []),
        preset=preset,
        jobs=jobs or (os.cpu_count() or 1),
        timeout=timeout,
        as_of=as_of,
        due=due,
        force=force,
        memory_mb=memory,
        repair=repair,
        cluster=cluster,
    )
    if pages:
        _publish(company, changed=batch.started > 0)
    print(batch.summary())
    _where_to_go(company)
    raise typer.Exit(batch.exit_code)


@app.command()
def replay(
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Notebooks or rooms; none: all that foretell."),
    ] = None,
    company: Company = "demo",
    months: Annotated[int, typer.Option(help="How many months back.")] = 24,
    jobs: Annotated[int, typer.Option(help="At a time; 0: one a core.")] = 0,
) -> None:
    """Go through past months, to score them. Example: opslib replay --months 24."""
    from opslib.runs.score import replay as past

    batch = past.replay(company, names or None, months=months, jobs=jobs)
    _publish(company, changed=True)
    print(batch.summary())
    raise typer.Exit(batch.exit_code)


@app.command()
def decide(
    key: Annotated[str, typer.Argument(help="A run's key, or room/notebook.")],
    action: Annotated[int, typer.Argument(help="The action's number on its page.")],
    choice: Annotated[
        str, typer.Argument(help="accept, change, put-off, refuse, done")
    ],
    by: Annotated[str, typer.Option(help="Who decides.")] = "",
    why: Annotated[str, typer.Option(help="The reason.")] = "",
    until: Annotated[str, typer.Option(help="New day, such as 2026-07-31.")] = "",
    reached: Annotated[float | None, typer.Option(help="What it brought.")] = None,
    company: Company = "demo",
) -> None:
    """Keep a decision. Example: opslib decide inventory/reorder_plan 1 accept --by Li."""
    from opslib.runs.score import decisions

    told = decisions.decide(
        company, key, action, choice, by=by, why=why, until=until, reached=reached
    )
    _publish(company, changed=True)
    what = words.text(told["told"]["what"])
    print(say("Kept with run {key}: {what}", key=told["key"], what=what))


@app.command()
def publish(company: Company = "demo") -> None:
    """Make reports and gallery again. Example: opslib publish."""
    _publish(company, changed=True)
    _where_to_go(company)


@app.command()
def serve(
    port: Annotated[int, typer.Option(help="Port on this machine.")] = 8866,
    address: Annotated[
        str, typer.Option(help="Where to listen; others only with readers.")
    ] = "127.0.0.1",
    idle: Annotated[int, typer.Option(help="Seconds a page lives unused.")] = 900,
) -> None:
    """Start the dashboards. Example: opslib serve --port 8866."""
    from opslib.publish import dashboards

    raise typer.Exit(
        dashboards.serve(
            port,
            address=address,
            idle=idle,
            tell=lambda at: print(
                say("Dashboards: {address} (stop: Ctrl-C)", address=at), flush=True
            ),
        )
    )


@app.command()
def reader(
    name: Annotated[str, typer.Argument(help="Sign-in name; empty: show all.")] = "",
    view: Annotated[
        list[str] | None, typer.Option(help="demo, or demo@north: a part of it.")
    ] = None,
    department: Annotated[str, typer.Option(help="Whose actions come first.")] = "",
    personal: Annotated[
        bool, typer.Option("--personal", help="May see names of people.")
    ] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Forget her.")] = False,
) -> None:
    """Keep who may sign in. Example: opslib reader li --view demo@north."""
    from opslib.publish.dashboards import readers

    if remove:
        readers.remove(name)
    elif name:
        if not view:
            raise ValueError(say("name what she may open, such as --view demo"))
        password = os.environ.get("OPSLIB_PASSWORD") or typer.prompt(
            say("Password"), hide_input=True, confirmation_prompt=True
        )
        readers.add(name, password, view, department=department, personal=personal)
    for one, told in readers.known().items():
        print(f"{one}: {', '.join(told['views'])}  {told.get('department', '')}")


@app.command()
def status(company: Company = "demo") -> None:
    """Show what ran, what failed, how old it is. Example: opslib status."""
    from opslib.runs.keep import status as state

    print(state.report(company))


@app.command("log")
def log_(
    ref: Annotated[str, typer.Argument(help="A reference or a run's key.")] = "",
    company: Annotated[str, typer.Option(help="Whose; empty: all.")] = "",
    level: Annotated[str, typer.Option(help="info, warning or error.")] = "info",
    days: Annotated[int, typer.Option(help="How far back.")] = 7,
) -> None:
    """Show what happened, or one line whole. Example: opslib log 1f3a9c2e."""
    from opslib.runs.keep import log

    if ref:
        print(log.written(log.find(ref), whole=True))
    else:
        for told in log.lines(company, level=level, days=days):
            print(log.written(told))
        print(say("Each line is JSON in {place}.", place=_short(log.home())))


@app.command()
def schedule(
    company: Company = "demo",
    now: Annotated[
        bool, typer.Option("--now", help="Load, run what is due, tell.")
    ] = False,
    write: Annotated[
        str, typer.Option(help="cron, systemd or airflow: write its files.")
    ] = "",
    to: Annotated[Path, typer.Option(help="Folder for these files.")] = Path(
        "schedule"
    ),
    at: Annotated[str, typer.Option(help="Time of day.")] = "05:15",
) -> None:
    """Show what is due and why. Example: opslib schedule --write systemd --at 05:15."""
    from opslib.runs.watch import schedule as plan

    if write:
        for path in plan.write(company, write, to, at=at):
            print(_short(path))
    elif now:
        _scheduled(company)
    else:
        print(plan.report(company))


@app.command()
def alert(
    company: Company = "demo",
    monday: Annotated[
        bool, typer.Option("--monday", help="Weekly messages too.")
    ] = False,
) -> None:
    """Tell what somebody should know, once a cause. Example: opslib alert --monday."""
    from opslib.publish import weekly
    from opslib.runs.watch import alerts

    told = alerts.tell(company) + (weekly.tell(company) if monday else [])
    names = {
        "sent": say("sent"),
        "failed": say("failed"),
        "waiting": say("over budget"),
    }
    for state, what in told:
        print(say("{state}: {what}", state=names[state], what=what))
    if not told:
        print(say("Nothing new to tell."))
    raise typer.Exit(1 if any(state == "failed" for state, _ in told) else 0)


@app.command()
def diff(
    old: Annotated[str, typer.Argument(help="Key of a run, as its page shows it.")],
    new: Annotated[str, typer.Argument(help="Key of another run of the same.")],
    company: Company = "demo",
) -> None:
    """Show how two runs' numbers differ, and why. Example: opslib diff 12ab 34cd."""
    from opslib.runs.keep import changes

    print(changes.difference(*(changes.of_key(company, key) for key in (old, new))))


@app.command()
def prune(
    days: Annotated[int, typer.Option(help="Keep everything so many days.")] = 90,
    company: Company = "demo",
    yes: Yes = False,
) -> None:
    """Show what may go, then ask. Example: opslib prune --days 90."""
    from opslib.runs.keep import prune as pruning

    leaving = pruning.plan(company, days=days)
    print(pruning.told(leaving))
    if leaving and not yes:
        typer.confirm(say("Remove this?"), abort=True)
    print(say("{size} MB freed.", size=words.number(pruning.prune(leaving) / 1e6, 1)))


@app.command()
def backup(
    to: Annotated[
        Path | None, typer.Option(help="Folder; default: data/backups.")
    ] = None,
    company: Company = "demo",
) -> None:
    """Keep warehouse, decisions and runs in one file. Example: opslib backup."""
    from opslib.runs.keep import backup as keeping

    print(
        say("The backup stands at {place}.", place=_short(keeping.backup(company, to)))
    )


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="A file that opslib backup made.")],
    company: Annotated[str, typer.Option(help="Refuse any other company's.")] = "",
    yes: Yes = False,
) -> None:
    """Put a backup back in place of what stands. Example: opslib restore FILE."""
    from opslib.runs.keep import backup as keeping

    if not yes:
        typer.confirm(say("Replace what stands by {file}?", file=file.name), abort=True)
    told = keeping.restore(file, company=company)
    _publish(told["company"], changed=True)
    print(
        say(
            "{company} stands as on {made}.", company=told["company"], made=told["made"]
        )
    )


@app.command()
def upgrade(
    company: Company = "demo",
    back: Annotated[bool, typer.Option("--back", help="Undo the last one.")] = False,
) -> None:
    """Bring a company's data to this opslib, or back. Example: opslib upgrade."""
    from opslib.runs.keep import upgrade as moving

    print(moving.back(company) if back else moving.upgrade(company))


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="room/name, such as budget/travel.")],
) -> None:
    """Begin a notebook from the template. Example: opslib new budget/travel."""
    from opslib.runs import listing

    print(say("A new notebook stands at {place}.", place=_short(listing.new(name))))


@app.command()
def forget(
    number: Annotated[str, typer.Argument(help="The company's customer number.")],
    company: Company = "demo",
    yes: Yes = False,
) -> None:
    """Remove a person everywhere. Example: opslib forget 12345 --company shop."""
    from opslib.runs.keep import forget as forgetting
    from opslib.warehouse import people

    if not yes:
        typer.confirm(
            say("Remove customer {number} for good?", number=number), abort=True
        )
    print(people.forget(company, number, forgetting.strip).report())
    _publish(company, changed=True)
    old = sorted((places.data() / "backups" / company).glob("*.tar.gz"))
    if old:
        from opslib.runs.keep import backup as keeping

        kept = keeping.backup(company)
        for file in old:
            file.unlink()
        print(say("Older backups are replaced by {place}.", place=_short(kept)))


def main() -> None:
    """Run the command line; an error is one plain sentence."""
    told = "--traceback" in sys.argv
    sys.argv = [word for word in sys.argv if word != "--traceback"]
    try:
        app()
    except KeyboardInterrupt:
        print(say("Stopped."), file=sys.stderr)
        sys.exit(130)
    except (OpslibError, ValueError, OSError) as error:
        if told:
            raise
        from opslib.runs.keep import log

        ours = isinstance(error, OpslibError)
        plain = error.sentence(words.spoken_language()) if ours else str(error)
        ref = log.note(
            "error", plain, exit="refused", command=" ".join(sys.argv[1:]),
            traceback="".join(traceback.format_exception(error))[-4000:],
        )  # fmt: skip
        print(say("Error: {what}", what=plain), file=sys.stderr)
        if not ours:
            print(say("More: opslib log {ref}", ref=ref), file=sys.stderr)
        sys.exit(2)


def _speak(company: str) -> str:
    """Speak the company's language, unless the environment names another.

    A company that is not there is for the command to complain of.
    """
    from opslib.warehouse import company as companies

    if not os.environ.get("OPSLIB_LANGUAGE"):
        with contextlib.suppress(OpslibError):
            words.speak(companies.read(company).language)
    return company


def _demo_if_needed() -> None:
    from opslib.runs import keys

    if not keys.demo_is_fresh(places.warehouse("demo")):
        demo()


def _scheduled(company: str) -> None:
    """Load first, then run what is due, then tell; a failed load stops no run.

    What is due is run for the company and for each part of it that a reader may open.
    """
    from opslib import runs
    from opslib.publish.dashboards import readers
    from opslib.runs.keep import changes, log

    codes = []

    def complain(error: OpslibError, kind: str) -> None:
        codes.append(1)
        log.note("error", error.sentence(), company=company, exit=kind)
        print(error.sentence(words.spoken_language()), file=sys.stderr)

    try:
        load(None, company)
    except OpslibError as error:
        complain(error, log.LOADS[1])
    for view in (company, *readers.views_of(company)):
        try:
            batch = runs.run(view, due=True)
            codes.append(batch.exit_code)
            if view == company:  # old code is run again for that: once is enough
                changes.explain(batch.results)
            _publish(view, changed=batch.started > 0)
            print(view, batch.summary())
        except OpslibError as error:
            complain(error, "view failed")
    try:
        alert(company, monday=True)
    except typer.Exit as told:
        raise typer.Exit(max(*codes, told.exit_code)) from None


def _publish(company: str, *, changed: bool) -> None:
    from opslib.runs import keys

    index = places.gallery(company) / "index.html"
    if changed or not index.is_file() or not keys.pages_are_fresh(company):
        from opslib.publish import gallery

        gallery.publish(company, tell=lambda line: print(line, file=sys.stderr))


def _where_to_go(company: str) -> None:
    print(
        say(
            "Gallery:     {place}", place=_short(places.gallery(company) / "index.html")
        ),
        say("Dashboards:  make serve   (or: opslib serve)"),
        say("Explore:     make lab"),
        sep="\n",
    )
    if company == "demo":
        print(say("Your data:   opslib start FILE.xlsx"))


def _ask(question: str, choices: list[str]) -> str:
    for place, choice in enumerate(choices, 1):
        print(f"  {place}. {choice}")
    picked = typer.prompt(question, type=typer.IntRange(1, len(choices)), default=1)
    return choices[picked - 1]


def _pairs(written: list[str]) -> dict[str, str]:
    pairs = {}
    for word in written:
        name, mark, value = word.partition("=")
        if not mark:
            raise ValueError(
                say("{word} is not name=value, such as cover_weeks=6", word=repr(word))
            )
        pairs[name.strip()] = value
    return pairs


def _short(path: Path) -> str:
    inside = Path(path).resolve().is_relative_to(Path.cwd())
    return os.path.relpath(path) if inside else str(path)


if __name__ == "__main__":
    main()
