"""What runs elsewhere: that each workflow names what there is."""

from __future__ import annotations

import re
from typing import Any

import pytest
from twins.places import ROOT

FOLDER = ROOT / ".github" / "workflows"
PATHS = sorted(FOLDER.glob("*.yml"))
pytestmark = pytest.mark.skipif(not PATHS, reason="the repository is not here")
yaml = pytest.importorskip("yaml")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def read(name: str) -> dict[Any, Any]:
    found: dict[Any, Any] = yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("name", [path.name for path in PATHS])
def test_a_workflow_names_what_there_is(name: str) -> None:
    text = (FOLDER / name).read_text(encoding="utf-8")
    workflow = read(name)
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow[True]  # "on", as YAML 1.1 reads it
    for job in workflow["jobs"].values():
        needed = job.get("needs", [])
        assert {needed} if isinstance(needed, str) else {*needed} <= set(workflow["jobs"])
        if "uses" in job:
            assert "workflow_call" in read(job["uses"].removeprefix("./.github/workflows/"))[True]
        else:
            assert job["runs-on"]
    for target in re.findall(r"^ +-? *run: make ([\w-]+)", text, re.MULTILINE):
        assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE), target
    for tool in re.findall(r"\b(tools/\w+\.py)", text):
        assert (ROOT / tool).exists()


def test_only_what_publishes_may_say_who_it_is() -> None:
    """Trusted publishing: no token is kept, and one job of one workflow has the right to it."""
    granted = {
        (path.name, name)
        for path in PATHS
        for name, job in read(path.name)["jobs"].items()
        if "write" in str(job.get("permissions"))
    }
    assert granted == {("publish.yml", "publish")}
    publish = read("publish.yml")
    assert publish[True] == {"push": {"tags": ["v*"]}}
    job = publish["jobs"]["publish"]
    assert job["environment"] == "release"
    assert job["permissions"]["id-token"] == "write"
    assert not re.search(r"secrets\.|password", (FOLDER / "publish.yml").read_text())
    assert job["needs"] == "wheels"
