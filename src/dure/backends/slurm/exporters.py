"""What exporters beside Slurm say: the text that Prometheus collects, from an address or a file.

- A source is one node's (`http://n1:9400/metrics`), all nodes' (a Prometheus server's
  `/federate?match[]=…`), or files that something else leaves (`/var/lib/metrics/*.prom`).
- A sample without a host name is its source's: the address' host, or the file's name without
  ending.
- One that does not answer, or not in that format, is left out: no metric is not zero.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx
import structlog
from prometheus_client.parser import text_string_to_metric_families

from dure.backends.slurm.device_faults import Sample

TIMEOUT_S: Final = 5.0
AT_ONCE: Final = 32
"""Addresses asked side by side: 1,642 nodes that answer in 20 ms each take about a second."""

_log = structlog.get_logger("dure.backends.slurm")


def read(sources: Sequence[str], *, timeout_s: float = TIMEOUT_S) -> tuple[Sample, ...]:
    """Every figure of all sources now. Blocks for at most the time-out a batch of AT_ONCE."""
    if not sources:
        return ()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = pool.map(lambda source: list(_one(source, timeout_s)), sources)
        return tuple(sample for samples in found for sample in samples)


def samples(text: str, source: str) -> tuple[Sample, ...]:
    """One exporter's text, read. Raises ValueError where it is not that format."""
    return tuple(
        Sample(_as_written(one.name), one.labels, float(one.value), source)
        for family in text_string_to_metric_families(text)
        for one in family.samples
    )


def _as_written(name: str) -> str:
    """The parser ends every counter's name with `_total`; DCGM's exporter does not."""
    return name.removesuffix("_total") if name.startswith("DCGM_") else name


def _one(source: str, timeout_s: float) -> Iterator[Sample]:
    try:
        for text, name in _texts(source, timeout_s):
            yield from samples(text, name)
    except (OSError, ValueError, httpx.HTTPError) as error:
        _log.warning("exporter.not_read", source=source, why=str(error))


def _texts(source: str, timeout_s: float) -> Iterator[tuple[str, str]]:
    """The texts behind a source, each with the host that it is of."""
    if source.startswith(("http://", "https://")):
        answer = httpx.get(source, timeout=timeout_s, follow_redirects=False)
        answer.raise_for_status()
        yield answer.text, urlsplit(source).hostname or ""
        return
    for path in sorted(Path(source).parent.glob(Path(source).name)):
        yield path.read_text(encoding="utf-8"), path.stem
