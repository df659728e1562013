"""`flash.report`: one page of a folder, whatever lies there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from twins.pages import read_page

import flash
from flash.base.checks import KINDS_OF_FILES
from flash.reporting.reading import KINDS, opened
from flash.training.results import TrainedNetwork

if TYPE_CHECKING:
    from pathlib import Path

    from twins.processes import Run

SPACE = flash.DenseNet(depths=flash.Range(5, 8), skips=[1, 2])
CHOICES = flash.ChoiceProblem.from_arrays({"loss": [[3, 1], [4, 2]], "ms": [[1, 2], [1, 4]]})
MEASURED = flash.Measurement(
    "net", "torch", "cpu", *([1.0] * 6), 0.5, 10, 6, 3, True, None, "no counter", {"cpu": "x"}
)


def fill(folder: Path) -> dict[str, str]:
    """Put one file of each kind into a folder; return what each is to be read as."""
    result = flash.search(SPACE, "rram", max_latency_ms=4.0)
    fleet = flash.search(SPACE, ["rram", "cpu-x86"])
    target = flash.Target.load("rram")
    things = {
        "result": (result, "a search result"),
        "front": (flash.pareto(SPACE, "rram"), "a front"),
        "swept": (flash.sweep(SPACE, "rram", top=3), "the result of a sweep"),
        "compared": (
            flash.compare(SPACE, "rram", methods=["random"], seeds=1, max_evals=3),
            "a comparison",
        ),
        "fleet": (fleet, "search results"),
        "target": (target, "a target"),
        "predictor": (flash.AccuracyPredictor.load("default"), "an accuracy predictor"),
        "measured": (MEASURED, "a measurement"),
        "network": (result.architecture, "an architecture"),
        "layers": (SPACE.decode(0).network(), "a network"),
        "cost": (target.cost(SPACE.decode(0)), "a cost"),
        "problem": (CHOICES, "a problem of choices"),
        "choice": (flash.choose(CHOICES, minimize="loss"), "an answer of choices"),
        "choices": (flash.pareto(CHOICES, minimize=["loss", "ms"]), "a front of choices"),
        "counted": (flash.sweep(CHOICES, where="ms <= 5"), "a sweep of choices"),
        "asked": (flash.suggest(SPACE, "rram", [(0, 0.5)], n=2), "a suggestion"),
    }
    for name, (thing, _) in things.items():
        assert thing is not None
        thing.to_json(folder / f"{name}.json")
    kinds = {f"{name}.json": kind for name, (_, kind) in things.items()}
    lines = "".join(json.dumps(one.to_dict()) + "\n" for one in fleet)
    (folder / "answers.jsonl").write_text(lines + '{"space": 1', encoding="utf-8")
    SPACE.save(folder / "space.toml")
    return {**kinds, "answers.jsonl": "search results", "space.toml": "a space"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """A folder with one file of each kind, broken ones, and folders within it."""
    folder = tmp_path_factory.mktemp("runs")
    kinds = fill(folder)
    inner = folder / "trained"
    inner.mkdir()
    facts = {"epochs": 1}
    one = TrainedNetwork(0, 0, 0, SPACE.decode(0), 0.5, 0.3, None, 1.5, facts)
    line = {"format": 1, **vars(one), "architecture": one.architecture.to_dict()}
    (inner / "results.jsonl").write_text(json.dumps(line) + "\n", encoding="utf-8")
    for name, text in {
        "broken.json": '{"a": ',
        "<b>.json": '{"a": 1}',
        "wrong.json": (folder / "result.json").read_text().replace('"OPTIMAL"', '"GOOD"'),
        "picture.png": "x",
        "empty.jsonl": "",
        "table.csv": "a,b",
    }.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "more" / "deep" / "deeper").mkdir(parents=True)
    (folder / "more" / "again.json").write_text((folder / "choice.json").read_text())
    return folder, kinds


def test_each_kind_is_told_by_looking_at_it(runs: tuple[Path, dict[str, str]]) -> None:
    folder, kinds = runs
    for name, kind in kinds.items():
        assert opened(folder / name).kind == kind
    assert opened(folder / "trained").kind == "trainings"
    assert KINDS.keys() == KINDS_OF_FILES.keys()


@pytest.mark.usefixtures("undrawn")
def test_a_page_of_all_that_a_folder_holds(runs: tuple[Path, dict[str, str]]) -> None:
    folder, kinds = runs
    html = flash.report(folder)
    page = read_page(html)
    assert page.titles["h1"] == [folder.name]
    titles = page.titles["h2"]
    assert titles[0] == "Summary"
    assert titles[-1] == "Not read"
    for name in (*kinds, "more/again.json", "trained/"):
        assert name in page.texts  # in the table, and
        assert any(title.startswith(name) for title in titles)  # with a section of its own
    assert page.text.count("its last line is cut off") == 2
    for name, why in {
        "broken.json": "not valid JSON",
        "<b>.json": "none of the kinds that flash writes",
        "wrong.json": "status must be one of",
        "picture.png": "a picture",
        "empty.jsonl": "an empty file",
        "table.csv": "a table of text",
        "more/deep/": "by itself",
    }.items():
        assert why in page.texts[page.texts.index(name) + 1]
    assert set(page.sources) == {f"#s{n}" for n in range(1, len(titles) + 1)}
    assert html == flash.report(folder)


@pytest.mark.usefixtures("undrawn")
def test_the_page_is_not_in_the_page(tmp_path: Path) -> None:
    CHOICES.to_json(tmp_path / "problem.json")
    first = flash.report(tmp_path, tmp_path / "page.html", title="T <1>")
    assert first == flash.report(tmp_path, tmp_path / "page.html", title="T <1>")
    assert read_page(first).titles["h1"] == ["T <1>"]
    assert {one.name for one in tmp_path.iterdir()} == {"page.html", "problem.json"}


@pytest.mark.usefixtures("undrawn")
def test_a_folder_of_a_sweep_is_one_thing(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    result = flash.sweep(SPACE, "rram", sample=50, max_latency_ms=4.0, out=tmp_path / "s")
    page = read_page(flash.report(tmp_path / "s"))
    assert f"{result.feasible:,} of 50 within the budgets" in page.texts
    again = opened(tmp_path / "s").thing
    assert again.replace(elapsed_s=result.elapsed_s) == result
    (part,) = (tmp_path / "s").glob("part-*.parquet")
    assert opened(part).thing.rows == result.rows


def test_what_can_t_be_reported_is_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(flash.FlashError, match=r"folder must be a folder, .* not there"):
        flash.report(tmp_path / "none")
    with pytest.raises(flash.FlashError, match="which is empty"):
        flash.report(tmp_path)
    (tmp_path / "a.json").write_text("{}")
    with pytest.raises(flash.FlashError, match="which is a file"):
        flash.report(tmp_path / "a.json")
    with pytest.raises(flash.FlashError, match="title must be"):
        flash.report(tmp_path, title=3)  # type: ignore[arg-type]
    with pytest.raises(OSError, match="none"):
        flash.report(tmp_path, tmp_path / "none" / "page.html")


def test_the_command_says_what_it_could_not_read(tmp_path: Path, cli: Run) -> None:
    folder = tmp_path / "runs"
    folder.mkdir()
    CHOICES.to_json(folder / "problem.json")
    (folder / "broken.json").write_text("{")
    told = cli("report", str(folder)).stdout
    assert f"{folder}.html: 1 of 2 files and folders" in told
    assert "not read: broken.json: is not valid JSON" in told
    assert read_page((tmp_path / "runs.html").read_text(encoding="utf-8")).titles["h1"] == ["runs"]
    out = str(tmp_path / "other.html")
    data = json.loads(cli("report", str(folder), "--out", out, "--json").stdout)
    assert (data["out"], data["shown"], list(data["not_read"])) == (out, 1, ["broken.json"])
