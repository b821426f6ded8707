"""What exporters say of accelerators, as events: each once, whatever stands there how long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dure.backends.slurm import exporters
from dure.backends.slurm.device_faults import FaultBook, Sample, noticed
from dure.backends.slurm.exporters import samples

NOW = datetime(2026, 4, 3, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NODES = ("n1", "n2")

DCGM = """\
# HELP DCGM_FI_DEV_XID_ERRORS Value of the last XID error encountered.
# TYPE DCGM_FI_DEV_XID_ERRORS gauge
DCGM_FI_DEV_XID_ERRORS{{gpu="0",UUID="GPU-a",Hostname="n1.hpc.example",err_code="{xid}"}} {xid}
DCGM_FI_DEV_XID_ERRORS{{gpu="1",UUID="GPU-b",Hostname="n1.hpc.example",err_code="0"}} 0
# HELP DCGM_EXP_XID_ERRORS_COUNT Count of XID Errors within user-specified time window.
# TYPE DCGM_EXP_XID_ERRORS_COUNT gauge
DCGM_EXP_XID_ERRORS_COUNT{{gpu="0",UUID="GPU-a",Hostname="n1",window_size_in_ms="300000",xid="{xid}"}} {times}
# TYPE DCGM_FI_DEV_NVLINK_RECOVERY_ERROR_COUNT_TOTAL counter
DCGM_FI_DEV_NVLINK_RECOVERY_ERROR_COUNT_TOTAL{{gpu="0",Hostname="n1"}} {recovered}
# TYPE DCGM_FI_DEV_ECC_DBE_VOL_TOTAL counter
DCGM_FI_DEV_ECC_DBE_VOL_TOTAL{{gpu="0",Hostname="n1"}} 9223372036854775794
DCGM_FI_DEV_ECC_DBE_VOL_TOTAL{{gpu="0",Hostname="elsewhere"}} 5
"""  # noqa: E501  # as DCGM's exporter writes it


def look(book: FaultBook, text: str, at: datetime = NOW, source: str = "monitor") -> FaultBook:
    return noticed(book, samples(text, source), nodes=NODES, now=at)


def said(book: FaultBook) -> list[tuple[str, str, str, str]]:
    return [(e.node, e.device, e.kind, e.code) for e in book.events]


def test_a_healthy_exporter_says_nothing() -> None:
    assert said(look(FaultBook(), DCGM.format(xid=0, times=0, recovered=7))) == []


def test_an_xid_is_one_event_however_it_is_told_and_however_long_it_stands() -> None:
    quiet = look(FaultBook(), DCGM.format(xid=0, times=0, recovered=7))
    first = look(quiet, DCGM.format(xid=79, times=1, recovered=7))
    assert said(first) == [("n1", "0", "xid", "79")]
    assert first.events[0].at == NOW
    still = look(first, DCGM.format(xid=79, times=1, recovered=7), NOW + 10 * MINUTE)
    assert still.events == first.events
    again = look(still, DCGM.format(xid=79, times=2, recovered=7), NOW + 20 * MINUTE)
    assert said(again) == [("n1", "0", "xid", "79")] * 2


def test_a_code_that_stands_at_the_first_look_is_said_and_survives_a_restart_of_ours() -> None:
    first = look(FaultBook(), DCGM.format(xid=48, times=0, recovered=0))
    assert said(first) == [("n1", "0", "xid", "48")]
    kept = FaultBook.model_validate_json(first.model_dump_json())
    after = look(kept, DCGM.format(xid=48, times=0, recovered=0), NOW + MINUTE)
    assert after.events == first.events


def test_a_counter_reports_when_it_grows_and_begins_anew_where_it_fell() -> None:
    book = look(FaultBook(), DCGM.format(xid=0, times=0, recovered=7))
    book = look(book, DCGM.format(xid=0, times=0, recovered=9))
    assert said(book) == [("n1", "0", "link", "recovery")]
    restarted = look(book, DCGM.format(xid=0, times=0, recovered=1), NOW + 10 * MINUTE)
    assert restarted.events == book.events
    grown = look(restarted, DCGM.format(xid=0, times=0, recovered=2), NOW + 20 * MINUTE)
    assert len(grown.events) == 2


def test_a_port_that_goes_down_is_its_files_node() -> None:
    text = 'node_infiniband_state_id{{device="mlx5_0",port="1"}} {state}\n'
    book = look(FaultBook(), text.format(state=4), source="n2")
    assert said(book) == []
    down = look(book, text.format(state=1), source="n2")
    assert said(down) == [("n2", "mlx5_0", "link", "down")]
    assert look(down, text.format(state=1), NOW + 10 * MINUTE, source="n2").events == down.events
    never_up = look(FaultBook(), text.format(state=1), source="n2")
    assert said(never_up) == []


def test_events_are_kept_for_a_day() -> None:
    book = look(FaultBook(), DCGM.format(xid=79, times=1, recovered=0))
    same = DCGM.format(xid=79, times=1, recovered=0)
    assert look(book, same, NOW + timedelta(hours=23)).events == book.events
    assert look(book, same, NOW + timedelta(hours=25)).events == ()


_value = st.one_of(st.integers(0, 120), st.just(2**63 - 14))
_sample = st.builds(
    lambda name, node, gpu, xid, value: Sample(
        name, {"Hostname": node, "gpu": gpu, "xid": xid}, float(value), "x"
    ),
    st.sampled_from(
        ["DCGM_FI_DEV_XID_ERRORS", "DCGM_EXP_XID_ERRORS_COUNT", "DCGM_FI_DEV_ECC_DBE_VOL_TOTAL"]
    ),
    st.sampled_from(["n1", "n2", "n9"]),
    st.sampled_from(["0", "1"]),
    st.sampled_from(["0", "31", "79"]),
    _value,
)


def _series(sample: Sample) -> tuple[str, ...]:
    """An exporter says each of them once; only the count has a series for each code."""
    labels = sample.labels
    code = labels["xid"] if "COUNT" in sample.name else ""
    return sample.name, labels["Hostname"], labels["gpu"], code


@given(st.lists(_sample, max_size=8, unique_by=_series))
def test_the_same_text_twice_says_nothing_new(found: list[Sample]) -> None:
    once = noticed(FaultBook(), found, nodes=NODES, now=NOW)
    twice = noticed(once, reversed(found), nodes=NODES, now=NOW + timedelta(minutes=6))
    assert twice.events == once.events
    assert {event.node for event in once.events} <= set(NODES)


def test_files_are_read_and_what_is_no_metric_text_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "n1.prom").write_text("some_figure 1\n")
    (tmp_path / "n2.prom").write_text("<html>not this</html>\n")
    found = exporters.read((f"{tmp_path}/*.prom", f"{tmp_path}/none.prom"))
    assert [(s.name, s.source) for s in found] == [("some_figure", "n1")]


def test_an_address_that_does_not_answer_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def get(address: str, **_: object) -> httpx.Response:
        request = httpx.Request("GET", address)
        if "n2" in address:
            raise httpx.ConnectError("nobody there", request=request)
        return httpx.Response(200, text="some_figure 1\n", request=request)

    monkeypatch.setattr(httpx, "get", get)
    found = exporters.read(("http://n1:9400/metrics", "http://n2:9400/metrics"))
    assert [(s.name, s.source) for s in found] == [("some_figure", "n1")]
