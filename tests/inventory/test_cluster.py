"""More machines: a real cluster of two worker processes gives the very same numbers."""

import numpy as np
import pytest

from opslib import inventory
from opslib.inventory.ahead import cluster, forecast


@pytest.fixture(scope="module")
def workers():
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as pool,
        Client(pool) as client,
    ):
        client.wait_for_workers(2, timeout=60)
        yield client


@pytest.mark.slow
def test_forecasts_equal_those_of_one_process_to_the_last_digit(
    workers, panel, test, monkeypatch
):
    pids = set(workers.run(lambda: __import__("os").getpid()).values())
    assert len(pids) == 2
    monkeypatch.setattr(cluster, "PART_ROWS", 37)
    season = np.ones(panel.units.shape[1] + 4)
    for name in ("levels", "smoothing", "Croston", "TSB"):
        work = forecast.METHODS[name]
        alone = work(panel.units[:80], season, 4)
        address = workers.scheduler.address
        shared = cluster.by_rows(work, panel.units[:80], season, 4, cluster=address)
        assert np.array_equal(alone, shared), name


@pytest.mark.slow
def test_the_forecasting_call_finds_the_cluster_that_the_run_named(
    workers, panel, test, monkeypatch
):
    calls = []
    kept = cluster.by_rows
    monkeypatch.setattr(
        "opslib.inventory.ahead.rolling.by_rows",
        lambda *given, **named: calls.append(given[0]) or kept(*given, **named),
    )
    chosen = {"steady": "TSB", "sporadic": "levels"}
    for made in (test, type(test)(**{**vars(test), "chosen": chosen})):
        monkeypatch.setenv("OPSLIB_CLUSTER", "")
        alone = inventory.foretell(panel, made, weeks=4, draws=20)
        monkeypatch.setenv("OPSLIB_CLUSTER", workers.scheduler.address)
        shared = inventory.foretell(panel, made, weeks=4, draws=20)
        assert np.array_equal(alone.mean, shared.mean)
        assert np.array_equal(alone.paths, shared.paths)
    assert len(calls) >= 2


def test_an_address_where_nothing_answers_is_refused(monkeypatch):
    import distributed

    def refuse(*given, **named):
        raise OSError

    monkeypatch.setattr(distributed, "Client", refuse)
    with pytest.raises(
        ValueError, match="no Dask scheduler answers at 'tcp://nowhere:1'"
    ):
        cluster.by_rows(
            forecast.levels, np.ones((2, 30)), np.ones(31), 1, cluster="tcp://nowhere:1"
        )


def test_the_option_reaches_the_run_engine(monkeypatch):
    """The engine shares the runs, or, for one run, tells its room of the cluster."""
    from typer.testing import CliRunner

    from opslib import __main__, runs

    seen = {}
    monkeypatch.setattr(__main__, "_speak", lambda company: None)

    def stop(*given, **named):
        seen.update(named)
        raise RuntimeError

    monkeypatch.setattr(runs, "run", stop)
    CliRunner().invoke(__main__.app, ["run", "inventory", "--cluster", "tcp://a:1"])
    assert seen["cluster"] == "tcp://a:1"
