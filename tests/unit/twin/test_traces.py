"""What is read of each form, and what is not."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from dure.engine.scheduling import job_rows
from dure.twin.workload import (
    Form,
    Kind,
    Loaded,
    Outcome,
    UnableToReadTrace,
    openb_nodes,
    read,
    same,
    trace_of,
    write,
)
from dure.twin.workload.trace import UnusableTrace, named

TRACES: Final = Path(__file__).resolve().parents[4] / "shared/data/traces"


def saved(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_the_kinds_are_those_of_the_kernel() -> None:
    assert [*Kind] == [job_rows.GUARANTEED, job_rows.LENT, job_rows.EITHER]


def test_the_common_form_may_have_few_columns_and_others(tmp_path: Path) -> None:
    text = "gpus,shoe_size,submit_s,job_id,duration_s\n8,44,7,b,60\n4,45,3,a,9.6\n"
    trace, provenance = read(saved(tmp_path, "a.csv", text))
    assert trace.job_id.tolist() == ["a", "b"]
    assert trace.submit_s.tolist() == [3, 7]
    assert trace.run_s.tolist() == [10, 60]
    assert trace.kind.tolist() == [Kind.EITHER, Kind.EITHER]
    assert trace.wait_s.tolist() == [-1, -1]
    assert provenance.changed == {"rounded": 1, "sorted": 1}
    assert provenance.ignored_columns == ("shoe_size",)


def test_a_written_origin_is_an_instant_of_any_zone(tmp_path: Path) -> None:
    text = "# origin: 2026-03-02T09:00:00+09:00\njob_id,submit_s,duration_s,gpus\n1,0,60,8\n"
    path = saved(tmp_path, "a.csv", text)
    assert read(path).trace.origin == datetime(2026, 3, 2, tzinfo=UTC)
    said = datetime(2020, 1, 1, tzinfo=UTC)
    assert read(path, origin=said).provenance.origin == said
    with pytest.raises(UnableToReadTrace, match="not an instant"):
        read(path, origin=datetime(2020, 1, 1))  # noqa: DTZ001  # that is the mistake


SWF: Final = """\
; Version: 2.2
; UnixStartTime: 844617600
  1  0  5  60  8 -1 -1  16  90 -1 1 3 4 -1 -1 -1 -1 -1
  2  4  0   0  8 -1 -1   8  90 -1 1 3 4 -1 -1 -1 -1 -1
  3  5 -1  -1 -1 -1 -1   8  90 -1 5 3 4 -1 -1 -1 -1 -1
  4  6  0  50 -1 -1 -1  32  -1 -1 0 7 -1 -1 -1 -1 -1 -1
  4  6  0  20 32 -1 -1  32  -1 -1 2 7 -1 -1 -1 -1 -1 -1
"""


def test_the_standard_workload_format_is_read(tmp_path: Path) -> None:
    path = tmp_path / "log.swf.gz"
    path.write_bytes(gzip.compress(SWF.encode()))
    trace, provenance = read(path)
    assert trace.job_id.tolist() == ["1", "2", "4"]
    assert trace.accelerators.tolist() == [8, 8, 32]
    assert trace.run_s.tolist() == [60, 1, 50]
    assert trace.limit_s.tolist() == [90, 90, 0]
    assert trace.outcome.tolist() == [Outcome.COMPLETED, Outcome.COMPLETED, Outcome.FAILED]
    assert named(trace, "account").tolist() == ["4", "4", ""]
    assert trace.origin == datetime(1996, 10, 6, 16, tzinfo=UTC)
    assert provenance.form is Form.SWF
    assert provenance.set_aside == {"part": 1, "never_ran": 1}
    assert provenance.changed == {"no_time": 1}


SACCT: Final = """\
JobIDRaw|JobID|Account|User|Submit|Start|End|Elapsed|Timelimit|State|AllocTRES|NNodes
7|7|geum|kim|2026-03-02T09:00:00|2026-03-02T09:05:00|2026-03-03T10:05:01|1-01:00:00|UNLIMITED|COMPLETED|billing=8,cpu=64,gres/gpu=8,gres/gpu:h100=8,node=1|1
7.batch|7.batch|geum||2026-03-02T09:05:00|2026-03-02T09:05:00|2026-03-03T10:05:01|1-01:00:00||COMPLETED|cpu=64|1
9|8_1|geum|lee|2026-03-02T09:00:10|2026-03-02T09:00:10|2026-03-02T09:00:40|00:30|1-00:00:00|CANCELLED by 1001|gres/gpu:a100=4,gres/gpu:h100=2|1
10|8_[2-9]|geum|lee|2026-03-02T09:00:10|Unknown|Unknown|00:00:00|1-00:00:00|PENDING||1
11|11|han|cho|2026-03-02T09:01:00|2026-03-02T09:02:00|2026-03-02T09:12:00|00:10:00|01:00:00|NODE_FAIL|gres/gpu=16|2
11|11|han|cho|2026-03-02T09:12:00|2026-03-02T09:14:01|2026-03-02T10:14:01|01:00:00|01:00:00|TIMEOUT|gres/gpu=16|2
12|12|han|cho|2026-03-02T09:03:00|2026-03-02T09:04:00|Unknown|00:10:00|01:00:00|RUNNING|gres/gpu=16|2
13|13|han|cho|2026-03-02T09:03:00|2026-03-02T09:04:00|2026-03-02T09:14:00|00:10:00|01:00:00|FAILED|cpu=8|1
14|14|han|cho|2026-03-02T09:03:00|None|2026-03-02T09:14:00|00:00:00|01:00:00|CANCELLED by 7||1
15|15+0|han|cho|2026-03-02T09:03:30|2026-03-02T09:04:00|2026-03-02T09:14:00|00:10:00|Partition_Limit|OUT_OF_MEMORY|gres/gpu=1|1
"""  # noqa: E501  # as it is printed


@pytest.fixture
def slurm(tmp_path: Path) -> Loaded:
    return read(saved(tmp_path, "jobs.txt", SACCT), zone="Asia/Seoul")


def test_the_accounting_of_slurm_is_read_job_by_job(slurm: Loaded) -> None:
    trace = slurm.trace
    assert trace.job_id.tolist() == ["7", "8_1", "11", "15+0"]
    assert trace.submit_s.tolist() == [0, 10, 60, 210]
    assert trace.run_s.tolist() == [90_000, 30, 3600, 600]
    assert trace.limit_s.tolist() == [0, 86_400, 3600, 0]
    assert trace.accelerators.tolist() == [8, 6, 16, 1]
    assert trace.nodes.tolist() == [1, 1, 2, 1]
    assert named(trace, "model").tolist() == ["h100", "a100|h100", "", ""]
    assert named(trace, "user").tolist() == ["kim", "lee", "cho", "cho"]
    assert trace.outcome.tolist() == [
        Outcome.COMPLETED, Outcome.CANCELLED, Outcome.TIMEOUT, Outcome.OUT_OF_MEMORY
    ]  # fmt: skip


def test_a_job_queued_again_waits_from_its_first_submission(slurm: Loaded) -> None:
    assert slurm.trace.wait_s.tolist() == [300, 0, 12 * 60 + 121 - 60, 30]


def test_times_of_slurm_are_in_the_zone_that_is_said(slurm: Loaded) -> None:
    assert slurm.trace.origin == datetime(2026, 3, 2, tzinfo=UTC)


def test_every_row_of_slurm_is_kept_or_counted_by_reason(slurm: Loaded) -> None:
    said = slurm.provenance
    assert said.set_aside == {
        "step": 1,
        "never_ran": 2,
        "earlier_run": 1,
        "not_ended": 1,
        "no_accelerator": 1,
    }
    assert said.rows == said.kept + sum(said.set_aside.values()) == 10


def test_times_as_seconds_or_with_their_zone_need_no_zone(tmp_path: Path) -> None:
    text = (
        "JobID|Submit|Start|End|State|ReqTRES|TimelimitRaw|\n"
        "1|2026-03-02T09:00:00+0900|1772409660|1772409720|COMPLETED|gres/gpu=1|60|\n"
    )
    trace = read(saved(tmp_path, "a.txt", text)).trace
    assert (trace.wait_s[0], trace.run_s[0], trace.limit_s[0]) == (60, 60, 3600)


def test_of_an_hour_that_comes_twice_the_earlier_one_is_taken(tmp_path: Path) -> None:
    text = (
        "JobID|Submit|Start|End|Elapsed|State|AllocTRES\n"
        "1|2026-10-25T02:30:00|2026-10-25T02:30:00|2026-10-25T03:30:00|02:00:00|COMPLETED|"
        "gres/gpu=1\n"
    )
    loaded = read(saved(tmp_path, "a.txt", text), zone="Europe/Berlin")
    assert loaded.trace.run_s.tolist() == [7200]
    assert loaded.provenance.changed == {"twofold_time": 1}


def test_pods_keep_their_share_of_an_accelerator(tmp_path: Path) -> None:
    text = (
        "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,"
        "deletion_time,scheduled_time\n"
        "a,8000,30517,1,460,V100M16|V100M32,LS,Succeeded,100,900,150.0\n"
        "b,8000,30517,0,0,,BE,Running,100,900,150.0\n"
        "c,8000,30517,1,1000,,BE,Pending,100,900,\n"
    )
    trace, provenance = read(saved(tmp_path, "a.csv", text))
    assert (trace.share_milli[0], trace.run_s[0], trace.wait_s[0]) == (460, 750, 50)
    assert (trace.cpu_milli[0], trace.memory_mib[0]) == (8000, 30517)
    assert named(trace, "model").tolist() == ["V100M16|V100M32"]
    assert provenance.set_aside == {"no_accelerator": 1, "never_ran": 1}


def test_parquet_may_have_floats_and_nothing_where_a_number_is_not_known(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet  # noqa: PLC0415  # where it is installed

    rows = pa.table(
        {
            "job_id": [1, 2, 3],
            "submit_s": [0.0, 1.0, 2.0],
            "duration_s": [60, 60, -1],
            "gpus": [8, None, 8],
            "req_time_s": [None, 90, 90],
        }
    )
    parquet.write_table(rows, tmp_path / "a.parquet")
    with pytest.raises(UnableToReadTrace) as refused:
        read(tmp_path / "a.parquet")
    assert [str(refused.value).splitlines()[-2:]] == [
        ["a.parquet:2: gpus: nothing stands here; fill it in",
         "a.parquet:3: duration_s: '-1' is negative"]
    ]  # fmt: skip
    trace = read(tmp_path / "a.parquet", tolerate=2).trace
    assert (trace.job_id[0], trace.limit_s[0]) == ("1", 0)


def test_a_changed_byte_of_parquet_never_changes_a_job(tmp_path: Path) -> None:
    one = np.arange(1, 200)
    trace = trace_of(submit_s=one, run_s=one, accelerators=one)
    path = tmp_path / "a.parquet"
    write(trace, path)
    whole = path.read_bytes()
    refused = 0
    for place in range(4, len(whole), 37):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            assert same(read(path).trace, trace)
        except UnableToReadTrace:
            refused += 1
    assert refused > 0


@pytest.mark.parametrize(
    ("gpus", "why"),
    [
        ([[8]], "the column 'gpus' holds list"),
        ([b"\xff"], "the column 'gpus' holds binary"),
        ([datetime(2026, 3, 2, tzinfo=UTC)], "'2026-03-02 00:00:00.000000Z' is not a number"),
    ],
)
def test_a_column_of_parquet_that_is_not_plain_is_named(
    tmp_path: Path, gpus: list[object], why: str
) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet  # noqa: PLC0415  # where it is installed

    one = {"job_id": ["a"], "submit_s": [0], "duration_s": [60], "gpus": gpus}
    parquet.write_table(pa.table(one), tmp_path / "a.parquet")
    with pytest.raises(UnableToReadTrace, match=why):
        read(tmp_path / "a.parquet")


def test_arrays_that_are_no_trace_are_refused() -> None:
    one, two = np.ones(1, np.int64), np.ones(2, np.int64)
    with pytest.raises(UnusableTrace, match="run_s: 1 values for 2 jobs"):
        trace_of(submit_s=two, run_s=one, accelerators=two)
    with pytest.raises(UnusableTrace, match=r"run_s\[0\]: less than 1"):
        trace_of(submit_s=one, run_s=one - 1, accelerators=one)
    with pytest.raises(UnusableTrace, match="account: a number without a name"):
        trace_of(submit_s=one, run_s=one, accelerators=one, account=one)


def test_a_trace_is_written_only_in_forms_that_are_read_back(tmp_path: Path) -> None:
    one = np.ones(1, np.int64)
    with pytest.raises(UnableToReadTrace, match=r"\.csv, \.csv\.gz, \.parquet"):
        write(trace_of(submit_s=one, run_s=one, accelerators=one), tmp_path / "a.xlsx")


@pytest.mark.parametrize(
    ("name", "jobs", "accounts"),
    [
        ("helios_venus_sept2020_24k.csv.gz", 23_859, 1),
        ("helios_venus2020_125k.csv.gz", 125_303, 3),
        ("philly2017_pollux82k.csv.gz", 82_247, 15),
        ("hpc_kth_sp2_1996.csv.gz", 28_481, 252),
        ("hpc_llnl_atlas2006.csv.gz", 36_600, 1),
        ("hpc_alcf_theta2022.csv.gz", 23_911, 1),
        ("alibaba_openb2023_pods_full.csv.gz", 6_203, 1),
    ],
)
def test_the_published_traces_are_read_whole(name: str, jobs: int, accounts: int) -> None:
    if not (TRACES / name).exists():
        pytest.skip(f"the trace is not here: {name}")
    trace, provenance = read(TRACES / name)
    assert len(trace) == jobs == provenance.rows - sum(provenance.set_aside.values())
    assert len(trace.accounts) == accounts


def test_the_published_nodes_of_openb_are_read() -> None:
    path = TRACES / "alibaba_openb2023_gpu_nodes.csv"
    if not path.exists():
        pytest.skip(f"the nodes are not here: {path.name}")
    machines = openb_nodes(path)
    assert len(machines.name) == 1_213
    assert machines.accelerators.sum() == 6_212
