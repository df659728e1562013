"""The build to compare with: a folder, or a commit, built in a worktree of its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

CORE = ("flash/_core", "setup.py")  # what the compiled core is made of
SUFFIXES = (".so", ".pyd")


class Build(NamedTuple):
    """Where flash can be imported from.

    Attributes
    ----------
    folder : path
    name : str
        What it is called: a folder, or a commit with its subject.
    how : str
        How its core came about.
    """

    folder: Path
    name: str
    how: str


class Wanted(NamedTuple):
    """What was asked for, found to exist: a folder, or a commit by its full name."""

    folder: Path | None
    commit: str | None


def find(given: str | None, root: Path) -> Wanted:
    """Return the folder or commit that is meant; the commit before where nothing is.

    The commit before is the last one where flash was changed since, else its first parent.

    Raises
    ------
    ValueError
        `given` is neither a commit of `root` nor a folder with a built flash.
    """
    if given is not None and Path(given).is_dir():
        folder = Path(given).resolve()
        if not built(folder):
            raise ValueError(
                f"{given}: no built flash there; accepted is a folder that holds flash with its "
                "compiled core (`make core` builds it in a checkout), or a commit"
            )
        return Wanted(folder, None)
    if given is None:
        changed = _git(root, "diff", "--quiet", "HEAD", "--", "flash", "setup.py").returncode
        given = "HEAD" if changed else "HEAD^"
    found = _git(root, "rev-parse", "--verify", "--quiet", f"{given}^{{commit}}")
    if found.returncode:
        raise ValueError(f"{given}: neither a folder nor a commit of {root}")
    return Wanted(None, found.stdout.strip())


def built(folder: Path) -> bool:
    """Whether a folder holds flash with its compiled core."""
    core = folder / "flash" / "_core"
    return core.is_dir() and any(path.suffix in SUFFIXES for path in core.rglob("*"))


@contextmanager
def prepared(wanted: Wanted, root: Path) -> Iterator[Build]:
    """Give the build; a commit's is made in a temporary worktree, which goes with it.

    Raises
    ------
    RuntimeError
        It cannot be built: the compiler's last words.
    """
    if wanted.folder is not None:
        yield Build(wanted.folder, str(wanted.folder), "as it is there")
        return
    assert wanted.commit is not None
    subject = _git(root, "log", "-1", "--format=%h %s", wanted.commit).stdout.strip()
    with tempfile.TemporaryDirectory(prefix="flash-before-") as parent:
        folder = Path(parent, "flash")
        made = _git(root, "worktree", "add", "--quiet", "--detach", str(folder), wanted.commit)
        if made.returncode:
            raise RuntimeError(f"no worktree of {subject}:\n{made.stderr.strip()}")
        try:
            yield Build(folder, subject, _core(folder, root, wanted.commit))
        finally:
            _git(root, "worktree", "remove", "--force", str(folder))


def _core(folder: Path, root: Path, commit: str) -> str:
    """Build the core of a worktree, or copy that of `root` where its sources are the same."""
    same = not _git(root, "diff", "--quiet", commit, "--", *CORE).returncode
    new = _git(root, "ls-files", "--others", "--exclude-standard", "--", *CORE).stdout.strip()
    if same and not new and built(root):
        for path in (root / "flash" / "_core").rglob("*"):
            if path.suffix in SUFFIXES:
                shutil.copy2(path, folder / path.relative_to(root))
        return "core of the same sources, copied"
    done = subprocess.run(
        [sys.executable, "setup.py", "--quiet", "build_ext", "--inplace"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the core of {commit[:9]} does not build:\n{done.stderr[-2000:]}")
    return "core built anew"


def _git(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            ["git", "-C", str(root), *words], capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise ValueError(f"git cannot be run: {error}; give a built folder") from None
