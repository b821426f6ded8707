"""Where programme files are found: a path, or the name of one that comes with Dure."""

from __future__ import annotations

from pathlib import Path

import dure
from dure.vocabulary.programme import Programme
from dure.vocabulary.programme_file import parse_programme


class ProgrammeNotFoundError(FileNotFoundError):
    """Neither a file nor the name of a shipped programme."""


def shipped_programmes() -> dict[str, Path]:
    """Name -> file of the programmes that come with Dure, by name.

    They stand inside the package in an installed wheel, at the top of a source checkout otherwise.
    """
    package = Path(dure.__file__).parent
    folders = (package / "programmes", package.parents[1] / "programmes")
    folder = next((f for f in folders if f.is_dir()), folders[0])
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def find_programme(name_or_path: str) -> Path:
    """The file meant by a path or a shipped name. Raises ProgrammeNotFoundError."""
    path = Path(name_or_path)
    if path.exists():
        return path
    shipped = shipped_programmes()
    if name_or_path in shipped:
        return shipped[name_or_path]
    names = ", ".join(shipped) or "none"
    msg = f"{name_or_path}: no such file, and no shipped programme of this name ({names})"
    raise ProgrammeNotFoundError(msg)


def load_programme(name_or_path: str) -> Programme:
    """The programme of a path or a shipped name.

    Raises ProgrammeFileError with its problems; OSError or UnicodeDecodeError if it cannot be read.
    """
    path = find_programme(name_or_path)
    return parse_programme(path.read_text(encoding="utf-8"), file=str(path))
