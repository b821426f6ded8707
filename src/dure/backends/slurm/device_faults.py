"""From an exporter's figures to what its accelerators reported, once each.

- DCGM's exporter holds the last XID of each device until it is started anew (`XID_ERRORS`), or how
  many of each it saw in the last minutes (`XID_ERRORS_COUNT`). What is new against the last look is
  an event; a code that stands there at the first look is one too: nobody has judged it yet.
- Counters of errors report when they grow. Where they stand at the first look is where they begin;
  one that fell was started anew.
- The same code of the same device within minutes is one event: both forms of an XID tell of it.
- A figure that DCGM has not got is a number close to 2^63 and is no figure.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from dure.protocol import DeviceEvent, DeviceEventKind
from dure.vocabulary.frozen import Frozen

KEPT: Final = timedelta(days=1)
ONE_EVENT: Final = timedelta(minutes=5)
"""The window that DCGM's exporter counts XIDs in, by default."""

_BLANK: Final = 2.0**62
_LAST_XID: Final = "DCGM_FI_DEV_XID_ERRORS"
_XID_COUNT: Final = "DCGM_EXP_XID_ERRORS_COUNT"

_GROWING: Final[dict[str, tuple[DeviceEventKind, str]]] = {
    "DCGM_FI_DEV_ECC_DBE_VOL_TOTAL": ("ecc", "dbe"),
    "DCGM_FI_DEV_ROW_REMAP_FAILURE": ("ecc", "remap_failure"),
    "DCGM_FI_DEV_NVLINK_CRC_FLIT_ERROR_COUNT_TOTAL": ("link", "crc_flit"),
    "DCGM_FI_DEV_NVLINK_CRC_DATA_ERROR_COUNT_TOTAL": ("link", "crc_data"),
    "DCGM_FI_DEV_NVLINK_REPLAY_ERROR_COUNT_TOTAL": ("link", "replay"),
    "DCGM_FI_DEV_NVLINK_RECOVERY_ERROR_COUNT_TOTAL": ("link", "recovery"),
    "node_infiniband_link_error_recovery_total": ("link", "recovery"),
}
"""`default-counters.csv` of DCGM's exporter 4.8, and node_exporter's InfiniBand collector."""

_PORT_STATE: Final = "node_infiniband_state_id"
_PORT_DOWN: Final = 1
"""node_exporter: 0 no change, 1 down, 2 init, 3 armed, 4 active, 5 act defer."""


class Sample(NamedTuple):
    """One figure of an exporter. `source` is the host or file it came from."""

    name: str
    labels: dict[str, str]
    value: float
    source: str


class FaultBook(Frozen):
    """What was last read, by what it is of, and the events of the last day."""

    readings: dict[str, float] = {}
    events: tuple[DeviceEvent, ...] = ()


class _Reading(NamedTuple):
    key: str
    node: str
    device: str
    kind: DeviceEventKind
    code: str
    value: float
    is_event: bool


def noticed(
    book: FaultBook, samples: Iterable[Sample], *, nodes: Collection[str], now: datetime
) -> FaultBook:
    """The book after a look; figures of nodes that are not named are left out."""
    readings, events = dict(book.readings), [e for e in book.events if e.at > now - KEPT]
    for read in _readings(samples, book.readings, frozenset(nodes)):
        readings[read.key] = read.value
        if read.is_event and not _said_just_now(read, events, now):
            events.append(
                DeviceEvent(
                    node=read.node, device=read.device, kind=read.kind, code=read.code, at=now
                )
            )
    return FaultBook(readings=readings, events=tuple(events))


def _readings(
    samples: Iterable[Sample], before: dict[str, float], nodes: frozenset[str]
) -> Iterator[_Reading]:
    for sample in sorted(samples, key=lambda s: (s.name, sorted(s.labels.items()))):
        node = node_of(sample, nodes)
        if node is None or not 0 <= sample.value < _BLANK:
            continue
        device = device_of(sample.labels)
        if sample.name == _LAST_XID:
            last, code = _key(node, device, "xid"), f"{sample.value:.0f}"
            new = sample.value > 0 and before.get(last) != sample.value
            yield _Reading(last, node, device, "xid", code, sample.value, new)
        elif sample.name == _XID_COUNT and sample.labels.get("xid", "0") != "0":
            code = sample.labels["xid"]
            times = _key(node, device, f"xid {code}")
            new = sample.value > before.get(times, 0)
            yield _Reading(times, node, device, "xid", code, sample.value, new)
        elif sample.name in _GROWING:
            kind, code = _GROWING[sample.name]
            count = _key(node, device, f"{kind} {code} {sample.labels.get('port', '')}")
            new = sample.value > before.get(count, sample.value)
            yield _Reading(count, node, device, kind, code, sample.value, new)
        elif sample.name == _PORT_STATE:
            port = _key(node, device, f"port {sample.labels.get('port', '')}")
            new = sample.value == _PORT_DOWN and before.get(port, 0) > _PORT_DOWN
            yield _Reading(port, node, device, "link", "down", sample.value, new)


def node_of(sample: Sample, nodes: frozenset[str]) -> str | None:
    """The node of that host name, whole or without its domain."""
    said = sample.labels.get("Hostname") or sample.labels.get("node") or sample.source
    return next((name for name in (said, said.partition(".")[0]) if name in nodes), None)


def device_of(labels: dict[str, str]) -> str:
    """As people call it: the number of the GPU, or the name of the link's card."""
    return labels.get("gpu") or labels.get("device") or labels.get("UUID") or "?"


def _key(node: str, device: str, what: str) -> str:
    return f"{node}/{device}/{what}".rstrip()


def _said_just_now(read: _Reading, events: Iterable[DeviceEvent], now: datetime) -> bool:
    same = (read.node, read.device, read.kind, read.code)
    return any(
        (e.node, e.device, e.kind, e.code) == same and now - e.at < ONE_EVENT for e in events
    )
