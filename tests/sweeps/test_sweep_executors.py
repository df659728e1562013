"""Sweeps in other processes and on a Dask cluster: the same results and the same bytes."""

from __future__ import annotations

import asyncio
import concurrent.futures
import multiprocessing
import os
import signal
import sys
import threading
import time
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import flash
from flash import Range
from flash.errors import SweepError

if TYPE_CHECKING:
    from twins.processes import Run

SPACE = flash.DenseNet(depths=Range(3, 9), skips=[0, 16, 40], cells=3)
GIVEN: dict[str, Any] = {"max_latency_ms": 1.5, "where": "area_mm2 < 30", "top": 4, "chunk": 100}
COUNTED: dict[str, Any] = {"max_latency_ms": 1.5, "max_energy_mj": 0.02, "top": 9}


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def same(one: flash.SweepResult, other: flash.SweepResult) -> bool:
    return one.replace(elapsed_s=0.0, out=None) == other.replace(elapsed_s=0.0, out=None)


class Inline(Executor):
    """Runs everything at once, last unit first."""

    def submit(self, function: Any, /, *args: Any, **options: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(function(*args, **options))
        except BaseException as error:
            future.set_exception(error)
        return future


@pytest.mark.processes
def test_any_executor() -> None:
    for given in (COUNTED, {**GIVEN, "pareto": ("accuracy", "latency_ms")}):
        whole = flash.sweep(SPACE, "rram", **given)
        assert same(flash.sweep(SPACE, "rram", **given, executor=Inline()), whole)
        with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
            assert same(flash.sweep(SPACE, "rram", **given, executor=pool), whole)


def test_predictors_travel() -> None:
    predictor = flash.AccuracyPredictor(1.02, 30.0, -2.5)
    for own in (predictor, "default"):
        given = {**COUNTED, "predictor": own, "min_accuracy": 0.05}
        whole = flash.sweep(SPACE, "rram", **given)
        assert whole.feasible
        assert same(flash.sweep(SPACE, "rram", **given, executor=Inline()), whole)


@pytest.mark.processes
def test_a_worker_that_dies_is_told_and_the_sweep_goes_on(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    flash.sweep(SPACE, "rram", **GIVEN, out=tmp_path / "whole")
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:

        def kill(event: Any) -> None:
            if event.units == 2:
                os.kill(next(iter(pool._processes)), signal.SIGKILL)

        with pytest.raises(SweepError, match=r"a worker of the executor died .* the same call"):
            flash.sweep(
                SPACE, "rram", **GIVEN, out=tmp_path / "rows", executor=_Slow(pool), callback=kill
            )
    flash.sweep(SPACE, "rram", **GIVEN, out=tmp_path / "rows")
    assert bytes_of(tmp_path / "rows") == bytes_of(tmp_path / "whole")


class _Slow(Executor):
    """Keeps the pool's workers busy, so that one is at work when it is killed."""

    def __init__(self, pool: Executor) -> None:
        self.pool = pool

    def submit(self, function: Any, /, *args: Any, **options: Any) -> Future[Any]:
        return self.pool.submit(_slow, function, *args, **options)


def _slow(function: Any, *args: Any, **options: Any) -> Any:
    time.sleep(0.1)
    return function(*args, **options)


@pytest.mark.processes
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_dask_with_a_worker_killed(tmp_path: Path, cli: Run) -> None:
    distributed = pytest.importorskip("distributed")
    pytest.importorskip("pyarrow")
    space = flash.DenseNet(depths=Range(3, 15), skips=[0, 16, 40, 60], cells=3)
    given = {**GIVEN, "chunk": 4000}
    flash.sweep(space, "rram", **given, out=tmp_path / "whole")
    whole = flash.sweep(SPACE, "rram", **COUNTED)
    with (
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address="127.0.0.1:0",  # with none it asks for port 8787
            local_directory=str(tmp_path / "dask"),
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        executor = client.get_executor(retries=5)
        assert same(flash.sweep(SPACE, "rram", **COUNTED, executor=executor), whole)
        killed = threading.Event()

        def kill(event: Any) -> None:
            if not killed.is_set():
                killed.set()
                os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)

        flash.sweep(space, "rram", **given, out=tmp_path / "rows", executor=executor, callback=kill)
        assert killed.is_set()
        assert bytes_of(tmp_path / "rows") == bytes_of(tmp_path / "whole")
        words = ("sweep", "densenet", "rram", "--depths", "3:9", "--skips", "0,16,40")
        words += ("--max-latency-ms", "1.5", "--max-energy-mj", "0.02", "--top", "9")
        told = cli(*words, "--dask", cluster.scheduler_address).stdout
        assert told.split("\n\n")[:-1] == str(whole).split("\n\n")[:-1]


def test_no_scheduler(cli: Run) -> None:
    pytest.importorskip("distributed")
    failed = cli("sweep", "resnet", "rram", "--dask", "nonsense://x", code=2).stderr
    assert "--dask must be the address of a running scheduler" in failed


class Failing(Inline):
    """Runs three units, then fails as a cluster does whose scheduler died."""

    def __init__(self, error: BaseException, at_once: bool) -> None:
        self.error = error
        self.at_once = at_once
        self.left = 3

    def submit(self, function: Any, /, *args: Any, **options: Any) -> Future[Any]:
        if self.left:
            self.left -= 1
            return super().submit(function, *args, **options)
        if self.at_once:
            raise self.error
        future: Future[Any] = Future()
        future.set_exception(self.error)
        return future


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize(
    "error",
    [
        concurrent.futures.CancelledError("scheduler"),
        asyncio.CancelledError("scheduler"),
        RuntimeError("cannot schedule new futures after shutdown"),
        OSError("Timed out trying to connect"),
    ],
)
def test_an_executor_that_fails_is_told(
    tmp_path: Path, error: BaseException, at_once: bool
) -> None:
    pytest.importorskip("pyarrow")
    with pytest.raises(SweepError, match=r"the executor failed .* the same call goes on") as caught:
        flash.sweep(SPACE, "rram", **GIVEN, out=tmp_path / "rows", executor=Failing(error, at_once))
    assert caught.value.__cause__ is error
    flash.sweep(SPACE, "rram", **GIVEN, out=tmp_path / "rows")
    flash.sweep(SPACE, "rram", **GIVEN, out=tmp_path / "whole")
    assert bytes_of(tmp_path / "rows") == bytes_of(tmp_path / "whole")


@pytest.mark.parametrize("error", [MemoryError("short"), SweepError("no space left")])
def test_errors_of_units_stay_what_they_are(error: Exception) -> None:
    with pytest.raises(type(error), match=str(error)):
        flash.sweep(SPACE, "rram", **GIVEN, executor=Failing(error, False))
