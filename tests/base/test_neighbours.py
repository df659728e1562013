"""Other distributions whose module is called flash."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from twins.distributions import made_up

import flash
from flash.base.neighbours import conflict, neighbours

if TYPE_CHECKING:
    from pathlib import Path


def test_the_owners_of_a_module_flash(tmp_path: Path) -> None:
    folder = str(tmp_path)
    assert neighbours([folder]) == []
    assert conflict([folder]) == ""
    made_up(tmp_path, "flash-nas", "0.2.0", top_level="flash\n")  # this one
    made_up(tmp_path, "flash-attn", "2.0", top_level="flash_attn\nflashes\n")
    made_up(tmp_path, "flashes", "1.0", record="flash_attn/a.py,,\nflashes/flash/b.py,,\n")
    made_up(tmp_path, "nothing", "1.0")
    assert neighbours([folder]) == []
    made_up(tmp_path, "lightning-flash", "0.8.2", top_level="flash\ntests\n")
    made_up(tmp_path, "another", "3", record="another/x.py,,\nflash/__init__.py,sha256=a,1\n")
    assert neighbours([folder]) == ["another 3", "lightning-flash 0.8.2"]
    assert conflict([folder]) == (
        "another 3, lightning-flash 0.8.2 (Lightning Flash) is installed here too, with a module "
        "`flash` and a command `flash` of its own: the two overwrite each other. Keep each in an "
        "environment of its own"
    )


def test_here_there_is_none() -> None:
    assert flash.build_info(packages=True)["conflicts"] == "none"
    assert "conflicts" not in flash.build_info()


def test_a_missing_name_tells_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made_up(tmp_path, "lightning-flash", "0.8.2", top_level="flash\n")
    with pytest.raises(AttributeError) as caught:
        flash.Trainer  # type: ignore[attr-defined]  # noqa: B018
    assert "lightning" not in str(caught.value)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "has no attribute 'Trainer'" in str(caught.value)
    assert "lightning-flash 0.8.2 (Lightning Flash) is installed here too" in str(caught.value)
    with pytest.raises(AttributeError) as caught:  # of other things than the module: nothing
        flash.Range(1, 2).trainer  # type: ignore[attr-defined]  # noqa: B018
    assert "lightning" not in str(caught.value)


@pytest.mark.processes
def test_flash_info_tells_of_it(tmp_path: Path) -> None:
    made_up(tmp_path, "lightning-flash", "0.8.2", top_level="flash\n")
    path = os.pathsep.join([str(tmp_path), *sys.path])
    done = subprocess.run(
        [sys.executable, "-m", "flash", "info", "--json"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["conflicts"].startswith("lightning-flash 0.8.2 (Lightning")
