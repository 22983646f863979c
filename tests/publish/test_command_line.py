"""Every verb works as its help says; an error is one plain sentence."""

import re
import subprocess
import sys

import pytest

from opslib import places


def _opslib(*words, home):
    import os

    env = {**os.environ, "OPSLIB_HOME": str(home)}
    return subprocess.run(
        [sys.executable, "-m", "opslib", *words],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_error_is_one_sentence_and_a_traceback_only_when_asked(home):
    plain = _opslib("run", home=home)
    assert plain.returncode == 2
    assert "has no warehouse" in plain.stderr
    assert "Traceback" not in plain.stderr
    told = _opslib("run", "--traceback", home=home)
    assert "Traceback" in told.stderr


def test_a_wrong_pair_names_its_form(demo_home):
    out = _opslib("run", "--grid", "north", home=demo_home)
    assert out.returncode == 2
    assert "cover_weeks=6" in out.stderr


def test_the_examples_of_run_name_what_a_notebook_takes():
    from opslib.runs import listing, parameters

    readme = (places.Path(__file__).parents[2] / "README.md").read_text("utf-8")
    told = _opslib("run", "--help", home=places.Path(__file__).parents[2]).stdout
    shown = re.findall(r"opslib run (\w+) --grid\s+(\w+)=", readme + told)
    assert len(shown) == 2
    for name, parameter in shown:
        (entry,) = listing.chosen([name])
        assert parameter in parameters.declared(entry.path)


def test_an_unknown_notebook_names_the_nearest(demo_home):
    out = _opslib("run", "inventroy", home=demo_home)
    assert out.returncode == 2
    assert "did you mean inventory" in out.stderr


def test_status_and_new_say_where_things_stand(demo_home):
    out = _opslib("status", home=demo_home)
    assert "inventory/reorder_plan: never run" in out.stdout
    made = _opslib("new", "budget/travel", home=demo_home)
    assert made.returncode == 0
    assert (places.notebooks() / "budget" / "travel.ipynb").is_file()
    again = _opslib("new", "budget/travel", home=demo_home)
    assert "stands already" in again.stderr


def test_a_company_of_sales_alone_is_told_where_and_what_lacks(demo_home):
    from opslib.publish import gallery

    gallery.publish("demo")
    rows = "".join(f"2026-01-{d:02d},A,{d},5\n" for d in range(1, 20))
    till = demo_home / "till.csv"
    till.write_text("Date,SKU,Qty,Amount\n" + rows)
    begun = _opslib("start", str(till), "--company", "shop", "--yes", home=demo_home)
    assert begun.returncode == 0, begun.stderr
    assert "till_2.csv" in begun.stdout
    loaded = _opslib("load", "--company", "shop", home=demo_home)
    assert "changed" in loaded.stdout
    assert "changed" in _opslib("log", "--company", "shop", home=demo_home).stdout
    ran = _opslib("run", "promotions", "--company", "shop", home=demo_home)
    assert ran.returncode == 0, ran.stderr
    assert "reports/shop/index.html" in ran.stdout
    page = (places.reports("shop") / "index.html").read_text("utf-8")
    assert page.count("opslib template marketing_spend") >= 1
    assert "opslib template sales_lines" not in page


@pytest.mark.slow
def test_demo_then_run_is_the_main_job_without_make(home):
    import shutil

    shutil.rmtree(home / "notebooks")
    shutil.copytree(places.Path(__file__).parents[2] / "notebooks", home / "notebooks")
    made = _opslib("demo", "--size", "0.05", home=home)
    assert made.returncode == 0, made.stderr
    done = _opslib("run", "inventory", "--preset", "quick", home=home)
    assert done.returncode == 0, done.stderr
    assert "Gallery:" in done.stdout
    assert "running:" in done.stderr
    assert "left" in done.stderr
    again = _opslib("run", "inventory", "--preset", "quick", home=home)
    assert "no kernel started" in again.stdout
