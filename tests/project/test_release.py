"""tools/release.py: what it holds a release back for."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import re
import shutil
import tarfile
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from twins.places import ROOT

import flash

if TYPE_CHECKING:
    from pathlib import Path

PATH = ROOT / "tools" / "release.py"
pytestmark = pytest.mark.skipif(not PATH.exists(), reason="the repository is not here")
PROJECT: dict[str, Any] = {
    "name": "flash-nas",
    "description": "What it is",
    "requires-python": ">=3.11",
    "license": "MIT",
    "dependencies": ["numpy>=1.24.2"],
    "optional-dependencies": {"plot": ["matplotlib>=3.6"]},
    "scripts": {"flash": "flash.cli.main:main"},
}
METADATA = """Metadata-Version: 2.4
Name: flash-nas
Version: 9.8.7
Summary: What it is
Requires-Python: >=3.11
License-Expression: MIT
Description-Content-Type: text/markdown
Provides-Extra: plot
Requires-Dist: numpy>=1.24.2
Requires-Dist: matplotlib>=3.6; extra == "plot"

# flash
"""
PACKAGE = ["flash/__init__.py", "flash/_core/a/b.pyi", "flash/_core/a/b.pyx", "flash/_core/a/c.h"]


@pytest.fixture(scope="module")
def tool() -> Any:
    spec = importlib.util.spec_from_file_location("release", PATH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def tree(folder: Path, **texts: str) -> Path:
    """Return a folder with the files that bear a version; `texts` replaces some of them."""
    (folder / "flash").mkdir()
    files = {
        "version": ("flash/_version.py", '__version__ = "9.8.7"\n'),
        "citation": ("CITATION.cff", 'version: 9.8.7\ndate-released: "2027-01-02"\n'),
        "changes": ("CHANGELOG.md", "# Changes\n\n## Unreleased\n\n## 9.8.7 - 2027-01-02\n\n- A\n"),
    }
    for name, (path, text) in files.items():
        (folder / path).write_text(texts.get(name, text))
    return folder


def test_one_number(tool: Any, tmp_path: Path) -> None:
    assert tool.number(tree(tmp_path)) == "9.8.7"


def test_this_tree_bears_one_number(tool: Any, tmp_path: Path) -> None:
    """But for what waits under Unreleased between two releases."""
    (tmp_path / "flash").mkdir()
    for name in ("flash/_version.py", "CITATION.cff", "CHANGELOG.md"):
        if not (ROOT / name).exists():
            pytest.skip("the sources are not here")
        shutil.copy(ROOT / name, tmp_path / name)
    changes = tmp_path / "CHANGELOG.md"
    text = changes.read_text(encoding="utf-8")
    emptied = re.sub(r"(?s)(^## Unreleased\n).*?(?=^## )", r"\1\n", text, flags=re.MULTILINE)
    changes.write_text(emptied)
    assert tool.number(tmp_path) == flash.__version__


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("version", '__version__ = "9.8.7.dev0"', "9.8.7.dev0 is no number of a release"),
        ("citation", "version: 9.8.6\n", "CITATION.cff is of version 9.8.6, not 9.8.7"),
        ("citation", "version: 9.8.7\n", "CITATION.cff says date-released None"),
        ("citation", "version: 9.8.7\ndate-released: 2027-01-03\n", "2027-01-03, CHANGELOG.md"),
        ("changes", "## Unreleased\n\n- A\n", "no line '## 9.8.7 - YYYY-MM-DD'"),
        ("changes", "## Unreleased\n\n- B\n\n## 9.8.7 - 2027-01-02\n", "lines under Unreleased"),
    ],
)
def test_numbers_that_differ(tool: Any, tmp_path: Path, name: str, text: str, told: str) -> None:
    with pytest.raises(tool.ReleaseError, match=re.escape(told)):
        tool.number(tree(tmp_path, **{name: text}))


def sdist(folder: Path, files: list[str]) -> Path:
    path = folder / "flash_nas-9.8.7.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name in files:
            archive.addfile(tarfile.TarInfo(f"flash_nas-9.8.7/{name}"), io.BytesIO())
    return path


def test_a_source_distribution_is_the_whole_tree(tool: Any, tmp_path: Path) -> None:
    tracked = [*PACKAGE, "tests/a.py", ".github/workflows/ci.yml", ".gitignore"]
    held = [*PACKAGE, "tests/a.py", "PKG-INFO", "setup.cfg", "flash_nas.egg-info/SOURCES.txt"]
    path = sdist(tmp_path, held)
    assert tool.check_sdist(path, iter(tracked), "9.8.7") == PACKAGE
    with pytest.raises(tool.ReleaseError, match=r"lacks docs/a\.md: see MANIFEST"):
        tool.check_sdist(path, [*tracked, "docs/a.md"], "9.8.7")
    with pytest.raises(tool.ReleaseError, match=r"has tests/a\.py too many"):
        tool.check_sdist(path, PACKAGE, "9.8.7")


def wheel(folder: Path, metadata: str = METADATA, **changed: str | None) -> Path:
    """Return a made-up wheel; `changed` replaces files, or leaves them out."""
    info = "flash_nas-9.8.7.dist-info"
    files: dict[str, str | None] = {
        "flash/__init__.py": "",
        "flash/_core/a/b.pyi": "",
        "flash/_core/a/b.cpython-311-x.so": "",
        f"{info}/METADATA": metadata,
        f"{info}/entry_points.txt": "[console_scripts]\nflash = flash.cli.main:main\n",
    }
    path = folder / "flash_nas-9.8.7-cp311-cp311-x.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in {**files, **changed}.items():
            if text is not None:
                archive.writestr(name, text)
    return path


def test_a_whole_wheel(tool: Any, tmp_path: Path) -> None:
    tool.check_wheel(wheel(tmp_path), PACKAGE, PROJECT, "9.8.7")


SCRIPTS = "flash_nas-9.8.7.dist-info/entry_points.txt"


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"flash/_core/a/b.pyi": None}, "lacks flash/_core/a/b.pyi: see package-data"),
        ({"flash/_core/a/c.h": ""}, "has flash/_core/a/c.h too many"),
        ({"flash/_core/a/b.cpython-311-x.so": None}, "lacks flash/_core/a/b: modules of the core"),
        ({"flash/_core/a/z.cpython-311-x.so": ""}, "has flash/_core/a/z too many"),
        ({"tests/a.py": ""}, "['tests/a.py']"),
        ({"flash/_core/native.txt": ""}, "a core for this processor alone"),
        ({SCRIPTS: ""}, "the command flash is not there"),
    ],
)
def test_a_wheel_that_is_not(
    tool: Any, tmp_path: Path, changed: dict[str, str | None], told: str
) -> None:
    with pytest.raises(tool.ReleaseError, match=re.escape(told)):
        tool.check_wheel(wheel(tmp_path, **changed), PACKAGE, PROJECT, "9.8.7")


@pytest.mark.parametrize(
    ("line", "instead"),
    [
        ("Version: 9.8.7", "Version: 9.8.6"),
        ("Summary: What it is", "Summary: Another"),
        ("Requires-Python: >=3.11\n", ""),
        ("License-Expression: MIT", "License: MIT"),
        ("text/markdown", "text/plain"),
        ("Provides-Extra: plot\n", ""),
        ("Requires-Dist: numpy>=1.24.2\n", ""),
        ("# flash", "nothing"),
    ],
)
def test_metadata_that_differs(tool: Any, line: str, instead: str) -> None:
    tool.check_metadata("a.whl", METADATA, PROJECT, "9.8.7")
    assert line in METADATA
    with pytest.raises(tool.ReleaseError, match=r"^a\.whl: "):
        tool.check_metadata("a.whl", METADATA.replace(line, instead), PROJECT, "9.8.7")


def test_what_is_laid(tool: Any, tmp_path: Path) -> None:
    (tmp_path / "a.whl").write_bytes(b"a")
    dist = tmp_path / "dist"
    tool.lay([tmp_path / "a.whl"], dist)
    tool.lay([tmp_path / "a.whl"], dist)  # over what is there
    assert sorted(path.name for path in dist.iterdir()) == ["SHA256SUMS", "a.whl"]
    assert (dist / "SHA256SUMS").read_text() == f"{hashlib.sha256(b'a').hexdigest()}  a.whl\n"


def test_the_number_alone(
    tool: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tool, "ROOT", tree(tmp_path))
    assert tool.main(["--number"]) == 0
    assert capsys.readouterr().out == "9.8.7\n"
    (tmp_path / "CITATION.cff").write_text("version: 1.0.0\n")
    assert tool.main(["--number"]) == 1
    assert "no release: CITATION.cff is of version 1.0.0" in capsys.readouterr().err
    for words in ([], ["--number", "python3"]):
        with pytest.raises(SystemExit):
            tool.main(words)


@pytest.mark.processes
def test_an_interpreter_that_is_not_there(
    tool: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tool, "number", lambda root: "9.8.7")
    monkeypatch.setattr(tool, "tracked", lambda root, unfinished: [])
    assert tool.main(["--dist", str(tmp_path / "dist"), "python-of-nobody"]) == 1
    assert "no release: there is no interpreter python-of-nobody" in capsys.readouterr().err
    assert not (tmp_path / "dist").exists()
    with pytest.raises(tool.ReleaseError, match="ended with 3"):
        tool.run(shutil.which("python3") or "python", "-c", "import sys; sys.exit(3)")
