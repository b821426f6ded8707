"""A file's text, unpacked; whatever is wrong with the file itself is said with its line."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Final

from dure.twin.workload.provenance import Problem, UnableToReadTrace

MAX_BYTES: Final = 2 << 30
"""Of text. Ten million rows of the widest form have 1.5 GiB; a bomb has more."""

_GZIP: Final = b"\x1f\x8b"
_CHUNK: Final = 1 << 16


def text_of(path: Path, *, most: int = MAX_BYTES) -> str:
    """The text of a plain or gzip file. Raises UnableToReadTrace."""
    raw = bytes_of(path)
    data = _unpacked(path, raw, most) if raw.startswith(_GZIP) else raw
    if len(data) > most:
        raise refusal(path, "too_big", most=most)
    # a NUL is no text either, and arrays of text would drop it
    bad = data.find(b"\0")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        bad = error.start
    if bad >= 0:
        raise refusal(path, "not_text", line=data.count(b"\n", 0, bad) + 1)
    return text


def bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise refusal(path, "no_file") from error
    except OSError as error:
        raise refusal(path, "not_allowed", value=error.strerror or "") from error


def refusal(path: Path, reason: str, *, line: int = 0, **params: object) -> UnableToReadTrace:
    """The whole file refused for one reason; `line` 0 where there is no line to look at."""
    texts = {name: str(value) for name, value in params.items()}
    return UnableToReadTrace(path.name, (Problem(line, "", reason, texts),))


def _unpacked(path: Path, raw: bytes, most: int) -> bytes:
    parts: list[bytes] = []
    size = 0
    while raw:  # a gzip file may be several, one after the other
        member = zlib.decompressobj(wbits=31)
        data = raw
        while not member.eof:
            try:
                part = member.decompress(data, _CHUNK)
            except zlib.error as error:
                raise _broken(path, "damaged", parts) from error
            data = member.unconsumed_tail
            if not part and not data and not member.eof:
                raise _broken(path, "truncated", parts)
            parts.append(part)
            size += len(part)
            if size > most:
                raise refusal(path, "too_big", most=most)
        raw = member.unused_data.lstrip(b"\0")
    return b"".join(parts)


def _broken(path: Path, reason: str, parts: list[bytes]) -> UnableToReadTrace:
    whole = sum(part.count(b"\n") for part in parts)
    return refusal(path, reason, line=whole + 1, value=whole)
