"""Metadata of installed distributions that are not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def made_up(
    folder: Path,
    name: str,
    version: str,
    *,
    requires: Iterable[str] = (),
    top_level: str | None = None,
    record: str | None = None,
) -> None:
    """Lay the metadata of an installed distribution, with these files where they are given."""
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {one}" for one in requires]
    (info / "METADATA").write_text("\n".join(lines) + "\n")
    for file, text in (("top_level.txt", top_level), ("RECORD", record)):
        if text is not None:
            (info / file).write_text(text)
