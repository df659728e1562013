"""How measuring decides: warm-up, number of runs, turns, and what a kill leaves behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flash.hardware import _conditions, _timing
from flash.hardware._conditions import (
    Pinned,
    Rapl,
    Refused,
    chosen_meter,
    conditions,
    energy_meter,
    pick_cpus,
)
from flash.hardware._timing import (
    SETTINGS,
    Journal,
    lines_of,
    measure_series,
    median,
    quantile,
    summarise,
    time_pass,
    time_turns,
    uncertainty,
)

TEST = {**SETTINGS, "runtime": "test", "pin": False}


class Clock:
    """Stands for the module `time`: a run takes what the list says, the last one for ever."""

    def __init__(self, durations: list[float], share: float = 1.0) -> None:
        self.durations, self.share, self.now, self.cpu, self.runs = durations, share, 0.0, 0.0, 0

    def run(self) -> None:
        took = self.durations[min(self.runs, len(self.durations) - 1)]
        self.runs += 1
        self.now += took
        self.cpu += self.share * took

    def perf_counter(self) -> float:
        return self.now

    def process_time(self) -> float:
        return self.cpu


def timed(clock: Clock, monkeypatch: pytest.MonkeyPatch, *args: Any) -> dict[str, Any]:
    monkeypatch.setattr(_timing, "time", clock)
    return time_pass(clock.run, *args)


def test_warm_up_lasts_until_the_median_settles(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = [0.010 * 0.8**n for n in range(12)]
    found = timed(Clock([*slow, 0.001]), monkeypatch, 10.0)
    assert found["settled"]
    assert 12 <= found["warmup"] <= 30
    assert set(found["wall_ms"]) == {1.0}
    assert set(found["cpu_ms"]) == {1.0}


def test_a_steady_run_is_not_repeated_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock([0.001])
    found = timed(clock, monkeypatch, 100.0)
    assert len(found["wall_ms"]) == 10
    assert clock.now < 0.05


def test_noisy_runs_take_the_time_that_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    noisy = random.uniform(0.001, 0.003, 5000).tolist()
    found = timed(Clock(noisy), monkeypatch, 1.0)
    assert len(found["wall_ms"]) > 200
    short = timed(Clock(noisy), monkeypatch, 0.1)
    assert 5 <= len(short["wall_ms"]) < 100
    assert median(found["wall_ms"]) == pytest.approx(2.0, rel=0.1)


def test_a_run_longer_than_the_limit_is_still_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock([2.0])
    found = timed(clock, monkeypatch, 0.5)
    assert found["wall_ms"] == [2000.0]
    assert not found["settled"]
    assert clock.runs == 2


def test_runs_shorter_than_the_clock_are_grouped(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock([1e-6])
    found = timed(clock, monkeypatch, 1.0)
    assert median(found["wall_ms"]) == pytest.approx(1e-3)
    assert clock.runs >= 20 * len(found["wall_ms"])


class Meter:
    """Stands for a counter of energy: a run of that long takes a watt."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def read(self) -> float:
        return self.clock.now

    def since(self, before: float) -> float:
        return self.clock.now - before


def test_runs_in_turns_go_round_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock([0.5, 0.5, *[0.001, 0.002] * 10_000], share=0.5)
    monkeypatch.setattr(_timing, "time", clock)
    order: list[str] = []
    runs = [lambda: (order.append("a"), clock.run()), lambda: (order.append("b"), clock.run())]
    one, two = time_turns(runs, 0.1)
    assert order == ["a", "b"] * (1 + len(one["wall_ms"]))  # the first of each warms up
    assert set(one["wall_ms"]) == {1.0}
    assert set(two["wall_ms"]) == {2.0}
    assert set(two["cpu_ms"]) == {1.0}
    assert 2 * 0.1 <= clock.now - 1.0 < 2 * 0.1 + 0.01  # of both together
    assert (one["energy_mj"], one["settled"], one["warmup"]) == (None, True, 1)


def test_long_runs_in_turns_end_soon_and_energy_is_that_of_a_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock([2.0])
    monkeypatch.setattr(_timing, "time", clock)
    (found,) = time_turns([clock.run], 0.5)
    assert found["wall_ms"] == [2000.0]
    short = Clock([0.004])
    monkeypatch.setattr(_timing, "time", short)
    (found,) = time_turns([short.run], 0.02, Meter(short))
    assert len(found["wall_ms"]) >= 5
    assert found["energy_mj"] == pytest.approx(4.0)


def test_processor_time_leaves_out_what_others_take(monkeypatch: pytest.MonkeyPatch) -> None:
    found = timed(Clock([0.004], share=0.25), monkeypatch, 10.0, "cpu")
    assert median(found["wall_ms"]) == pytest.approx(4.0)
    assert median(found["cpu_ms"]) == pytest.approx(1.0)
    assert summarise([found], "cpu")["median_ms"] == pytest.approx(1.0)
    assert summarise([found], "wall")["median_ms"] == pytest.approx(4.0)


class Counter:
    """An energy counter that rises by 5 W times the clock."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def read(self) -> float:
        return 5.0 * self.clock.now

    def since(self, before: float) -> float:
        return self.read() - before


def test_energy_of_a_run_is_power_times_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock([0.002])
    found = timed(clock, monkeypatch, 10.0, "wall", Counter(clock))
    assert found["energy_mj"] == pytest.approx(5.0 * 2.0)
    assert sum(found["wall_ms"]) >= 100.0  # long enough for a counter that ticks each millisecond
    clock = Clock([0.002])
    assert timed(clock, monkeypatch, 0.05, "wall", Counter(clock))["energy_mj"] is None


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=30), st.floats(0, 1))
def test_quantiles_are_those_of_numpy(values: list[float], q: float) -> None:
    assert quantile(values, q) == pytest.approx(float(np.quantile(values, q)), rel=1e-9, abs=1e-9)


def test_the_uncertainty_of_a_median_is_its_confidence_interval() -> None:
    """Of 100 values the 40th and the 61st bound the median with 95 % confidence."""
    values = [100.0 + n for n in range(1, 101)]
    assert uncertainty(values) == pytest.approx((161 - 141) / 2 / 150.5, rel=0.06)
    assert uncertainty([3.0] * 10) == 0.0


def a_pass(*wall: float, energy: float | None = None) -> dict[str, Any]:
    return {"warmup": 6, "settled": True, "wall_ms": list(wall), "cpu_ms": list(wall),
            "energy_mj": energy}  # fmt: skip


def test_figures_are_medians_over_passes() -> None:
    passes = [a_pass(1, 2, 3), a_pass(2, 3, 4), a_pass(3, 4, 50), a_pass(90, 90, 90, energy=4.0)]
    found = summarise(passes)
    assert found["median_ms"] == 3.5  # of 2, 3, 4 and 90
    assert found["min_ms"] == 1
    assert found["q1_ms"] <= found["median_ms"] <= found["q3_ms"]
    assert found["noise_pct"] == pytest.approx(100 * abs(3.0 / 46.5 - 1))
    assert (found["runs"], found["passes"], found["warmup_runs"]) == (12, 4, 24)
    assert found["energy_mj"] == 4.0
    assert summarise([a_pass(1, 2, 1, 2)])["noise_pct"] == pytest.approx(50.0)
    assert summarise([a_pass(1)])["noise_pct"] is None
    assert summarise([a_pass(1)])["energy_mj"] is None


# A series


class Engine:
    """Counts its runs; fails at one of them."""

    def __init__(self, log: list[str], name: str, fails: bool = False) -> None:
        self.log, self.name, self.fails = log, name, fails
        self.versions, self.device_name = {"engine": "1"}, None
        self.closed = False

    def run(self) -> None:
        if not self.log or self.log[-1] != self.name:
            self.log.append(self.name)
        if self.fails:
            raise RuntimeError("CUDA error: device lost")

    def close(self) -> None:
        self.closed = True


def items(*names: str) -> list[dict[str, Any]]:
    return [{"key": name, "name": name, "subject": None} for name in names]


QUICK = {**TEST, "time_limit_s": 0.004, "passes": 2}


def test_networks_take_turns() -> None:
    log: list[str] = []
    found = measure_series(
        items("a", "b"), lambda item: Engine(log, item["name"]), QUICK, Journal(None, QUICK)
    )
    assert log == ["a", "b", "a", "b"]
    assert [one["name"] for one in found] == ["a", "b"]
    assert found[0]["passes"] == 2
    assert found[0]["conditions"]["versions"]["engine"] == "1"


def test_parts_are_open_together_and_end_together(tmp_path: Path) -> None:
    log: list[str] = []
    opened: list[Engine] = []
    together: list[int] = []

    def open_engine(item: dict[str, Any]) -> Engine:
        together.append(1 + sum(not one.closed for one in opened))
        opened.append(Engine(log, item["name"]))
        return opened[-1]

    settings = {**QUICK, "turns": True}
    path = str(tmp_path / "journal.jsonl")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(_timing, "TOGETHER", 2)
        journal = Journal(path, settings)
        found = measure_series(items("a", "b", "c"), open_engine, settings, journal)
        journal.close()
    assert together == [1, 2, 1] * 2
    together.clear()
    heavy = [{**one, "bytes": 700 << 20} for one in items("a", "b", "c")]
    heavy[2]["bytes"] = 3 << 30  # more than all may have together: by itself
    measure_series(heavy, open_engine, {**settings, "passes": 1}, Journal(None, settings))
    assert together == [1, 1, 1]
    assert [one["name"] for one in found] == ["a", "b", "c"]
    assert {one["passes"] for one in found} == {2}
    assert all(one.closed for one in opened)
    with pytest.raises(Refused, match="turns=True, not turns=None"):
        Journal(path, QUICK)


def test_a_device_that_vanishes_loses_nothing(tmp_path: Path) -> None:
    path = str(tmp_path / "journal.jsonl")
    log: list[str] = []
    opened: list[Engine] = []

    def failing(item: dict[str, Any]) -> Engine:
        gone = item["name"] == "c" and len(opened) >= 4
        opened.append(Engine(log, item["name"], gone))
        return opened[-1]

    with pytest.raises(RuntimeError, match="device lost"):
        measure_series(items("a", "b", "c"), failing, QUICK, Journal(path, QUICK))
    assert log == ["a", "b", "c", "a", "b", "c"]
    assert all(one.closed for one in opened)
    assert set(Journal(path, QUICK).finished) == {"a", "b"}
    log.clear()
    found = measure_series(
        items("a", "b", "c"), lambda item: Engine(log, item["name"]), QUICK, Journal(path, QUICK)
    )
    assert log == ["c"]  # its first pass was kept, too
    assert [one["name"] for one in found] == ["a", "b", "c"]
    log.clear()
    again = measure_series(items("a", "b", "c"), failing, QUICK, Journal(path, QUICK))
    assert not log
    assert again == found


SERIES = """
import sys, time
from flash.hardware._timing import SETTINGS, Journal, measure_series
class Engine:
    versions, device_name = {}, None
    def run(self): time.sleep(0.01)
    def close(self): pass
settings = {**SETTINGS, "runtime": "test", "passes": 3, "time_limit_s": 0.3, "pin": False}
items = [{"key": k, "name": k, "subject": None} for k in "abcd"]
journal = Journal(sys.argv[1], settings)
print(len(measure_series(items, lambda item: Engine(), settings, journal)))
"""


@pytest.mark.processes
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_series_goes_on_where_it_was(tmp_path: Path, how: signal.Signals) -> None:
    path = tmp_path / "journal.jsonl"
    words = [sys.executable, "-c", SERIES, str(path)]
    process = subprocess.Popen(words, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    limit = time.monotonic() + 60
    while not path.exists() or path.read_bytes().count(b"\n") < 4:
        assert time.monotonic() < limit
        time.sleep(0.01)
    process.send_signal(how)
    process.wait(60)
    kept = lines_of(str(path))
    assert 4 <= len(kept) < 17
    with path.open("ab") as file:
        file.write(b'{"key": "d", "pass": {"wall_')  # as a kill in the middle of a line leaves it
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert done.stdout == "4\n", done.stderr
    lines = lines_of(str(path))
    assert lines[: len(kept)] == kept
    passes = [one["key"] for one in lines if "pass" in one]
    assert sorted(passes) == sorted("abcd" * 3)
    assert sum("measurement" in one for one in lines) == 4


def test_a_journal_is_held_by_one_series(tmp_path: Path) -> None:
    path = str(tmp_path / "journal.jsonl")
    journal = Journal(path, TEST)
    journal.add_pass("a", a_pass(1.0))
    before = Path(path).read_bytes()
    with pytest.raises(Refused, match=rf"is in use by process {os.getpid()} on .* since 20"):
        Journal(path, TEST)
    assert Path(path).read_bytes() == before
    journal.close()
    assert [one.name for one in tmp_path.iterdir()] == ["journal.jsonl"]
    again = Journal(path, TEST)
    assert again.passes["a"] == [a_pass(1.0)]
    again.close()


def test_a_journal_of_other_settings_is_refused(tmp_path: Path) -> None:
    path = str(tmp_path / "journal.jsonl")
    Journal(path, TEST)
    with pytest.raises(Refused, match=r"measurements with threads=1, batch=1, not threads=4, ba"):
        Journal(path, {**TEST, "threads": 4, "batch": 2})
    Journal(path, {**TEST, "time_limit_s": 99.0, "pin": True})  # these may differ


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"not a journal", "is no journal of measurements"),
        (b"[1]\n", "line 1 is no table"),
        (b"{}\n", "is no journal of measurements"),
        (b"a,b\n1,2\n", "line 1 is not JSON"),
        (b'{"key": "a", "pass": {}}\n', "is no journal of measurements"),
        (b'{"key": "a", "pass": {"wall_ms": [], "cpu_ms": []}}\n', "is no journal"),
        (b'{"key": "a", "measurement": {}}\n', "is no journal of measurements"),
        (b"\xff\xfe\n", "line 1 is not JSON"),
    ],
)
def test_a_file_of_another_kind_is_refused_and_left_alone(
    tmp_path: Path, text: bytes, message: str
) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(text)
    with pytest.raises(Refused, match=message):
        Journal(str(path), TEST)
    assert path.read_bytes() == text


def test_a_full_disk_is_an_error_and_loses_no_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    path = str(tmp_path / "journal.jsonl")
    journal = Journal(path, TEST)
    journal.add_pass("a", a_pass(1.0))
    journal.path = "/dev/full"
    with pytest.raises(OSError, match="No space left") as caught:
        journal.add_pass("a", a_pass(2.0))
    assert caught.value.filename == "/dev/full"
    journal.close()
    assert len(Journal(path, TEST).passes["a"]) == 1


# Conditions


def test_conditions_say_what_a_figure_depends_on() -> None:
    found = conditions(TEST, [0], {"engine": "1"})
    assert found["cpu"]
    assert found["cpus"] == os.cpu_count()
    assert found["versions"]["engine"] == "1"
    assert found["versions"]["python"]
    assert {"governor", "load_before", "pinned_to", "threads", "batch", "dtype"} <= set(found)
    json.dumps(found)


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="pins on Linux only")
def test_pinning_is_undone() -> None:
    before = os.sched_getaffinity(0)
    with Pinned(1) as pinned:
        assert os.sched_getaffinity(0) == set(pinned.cpus)
        assert len(pinned.cpus) == 1
    assert os.sched_getaffinity(0) == before
    with Pinned(1, wanted=False) as pinned:
        assert pinned.cpus is None
        assert os.sched_getaffinity(0) == before


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="pins on Linux only")
def test_the_fastest_processors_are_picked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four processors: 0 and 1 small, 2 and 3 large, the latter two of one core."""
    for cpu, capacity in enumerate((400, 400, 1024, 1024)):
        at = tmp_path / f"cpu{cpu}"
        (at / "topology").mkdir(parents=True)
        (at / "cpu_capacity").write_text(f"{capacity}\n")
        siblings = "2-3" if cpu >= 2 else str(cpu)
        (at / "topology" / "thread_siblings_list").write_text(f"{siblings}\n")
    monkeypatch.setattr(_conditions, "CPUS", str(tmp_path))
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2, 3})
    assert pick_cpus(1) == [2]
    assert pick_cpus(2) == [2, 3]
    assert pick_cpus(3) == [1, 2, 3]


def zone(folder: Path, name: str, value: int, limit: int = 1000) -> Path:
    at = folder / name
    at.mkdir()
    (at / "energy_uj").write_text(f"{value}\n")
    (at / "max_energy_range_uj").write_text(f"{limit}\n")
    return at / "energy_uj"


def test_rapl_adds_the_packages_and_minds_the_wrap(tmp_path: Path) -> None:
    first = zone(tmp_path, "intel-rapl:0", 100)
    second = zone(tmp_path, "intel-rapl:1", 900)
    zone(tmp_path, "intel-rapl:0:0", 5)  # part of the first package
    meter = Rapl(str(tmp_path))
    before = meter.read()
    first.write_text("300\n")
    second.write_text("50\n")
    assert meter.since(before) == pytest.approx(1e-6 * (200 + 150))
    found, source = energy_meter("cpu", str(tmp_path))
    assert isinstance(found, Rapl)
    assert "RAPL" in source


def test_absent_energy_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert energy_meter("cpu", str(tmp_path / "none")) == (
        None, f"absent: there is no {tmp_path / 'none'}",
    )  # fmt: skip
    assert energy_meter("cpu", str(tmp_path)) == (
        None, f"absent: no package counter in {tmp_path}",
    )  # fmt: skip
    monkeypatch.setattr(Rapl, "read", lambda self: (_ for _ in ()).throw(PermissionError()))
    zone(tmp_path, "intel-rapl:0", 100)
    found, why = energy_meter("cpu", str(tmp_path))
    assert found is None
    assert "may only be read by root" in why
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert energy_meter("cuda") == (
        None, "absent: NVML needs nvidia-ml-py: pip install nvidia-ml-py",
    )  # fmt: skip


# Meters that were asked for


def test_a_meter_that_is_asked_for_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(Refused, match=f"no RAPL to read: there is no {tmp_path / 'none'}"):
        chosen_meter("cpu", "rapl", str(tmp_path / "none"))
    zone(tmp_path, "intel-rapl:0", 100)
    found, source = chosen_meter("cuda", "rapl", str(tmp_path))
    assert isinstance(found, Rapl)
    assert "RAPL" in source
    assert isinstance(chosen_meter("cpu", None, str(tmp_path))[0], Rapl)
    with pytest.raises(Refused, match=r"none.csv cannot be read: No such file"):
        chosen_meter("cpu", str(tmp_path / "none.csv"))


def test_a_meters_file_is_integrated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "power.csv"
    lines = ["volts,time_s,power_w", "5,100,2", "5,101,4", "5,103,4", "5,104,0", "5,10"]
    path.write_text("\n".join(lines))  # the last is not written to its end
    meter, source = chosen_meter("cpu", str(path))
    assert source == "meter (power.csv)"
    monkeypatch.setattr(_conditions.time, "time", lambda: 103.5)
    assert meter.since(100.0) == pytest.approx(3.0 + 8.0 + 1.5)
    assert meter.since(100.5) == pytest.approx(1.75 + 8.0 + 1.5)
    with pytest.raises(Refused, match="begins after what was measured"):
        meter.since(99.0)
    now = iter([105.0, 105.0, 111.0])
    monkeypatch.setattr(_conditions.time, "time", lambda: next(now))
    monkeypatch.setattr(_conditions.time, "sleep", lambda s: path.write_text("\n".join(lines)))
    with pytest.raises(Refused, match=r"does not grow meanwhile.* its last sample is 1 s old"):
        meter.since(100.0)


def test_a_meters_file_that_grows_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "power.csv"
    path.write_text("time_s,power_w\n10,1\n")
    meter, _ = chosen_meter("cpu", str(path))

    def later(seconds: float) -> None:
        path.write_text("time_s,power_w\n10,1\n13,1\n")

    monkeypatch.setattr(_conditions.time, "time", lambda: 12.0)
    monkeypatch.setattr(_conditions.time, "sleep", later)
    assert meter.since(meter.read() - 2.0) == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("time,power\n1,2\n", "columns time_s and power_w"),
        ("time_s,power_w\n1,x\n", "line 2: no numbers"),
        ("time_s,power_w\n1\n", "line 2: no numbers"),
        ("time_s,power_w\n1,-2\n", "line 2: power_w must be 0 or more"),
        ("time_s,power_w\n1,nan\n", "line 2: power_w must be 0 or more"),
        ("time_s,power_w\n2,1\n1,1\n", "line 3: time_s must rise"),
    ],
)
def test_a_file_of_no_meter_is_refused(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "power.csv"
    path.write_text(text)
    with pytest.raises(Refused, match=message):
        chosen_meter("cpu", str(path))
    import flash

    with pytest.raises(flash.FlashError, match=f"energy: .*{message}"):
        flash.measure(flash.ResNet(cells=[3]).decode(0), energy=path)
