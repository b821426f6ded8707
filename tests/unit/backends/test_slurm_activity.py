"""From exporters' texts to how busy a run was and what it drew."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from dure.backends.slurm import activity, exporters
from dure.backends.slurm.activity import ActivityBook
from dure.protocol import UsageRecord

EVERY_S = 300
NODES = frozenset({"n1", "n2"})

DCGM = """\
# HELP DCGM_FI_DEV_GPU_UTIL GPU utilization (in %).
# TYPE DCGM_FI_DEV_GPU_UTIL gauge
DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-a",device="nvidia0",Hostname="n1.site.example"} 90
DCGM_FI_DEV_GPU_UTIL{gpu="1",UUID="GPU-b",device="nvidia1",Hostname="n1.site.example"} 50
DCGM_FI_DEV_GPU_UTIL{gpu="2",UUID="GPU-c",Hostname="n1.site.example"} 9223372036854775794
DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-x",device="nvidia0",Hostname="elsewhere"} 10
# TYPE DCGM_FI_DEV_POWER_USAGE gauge
DCGM_FI_DEV_POWER_USAGE{gpu="0",UUID="GPU-a",device="nvidia0",Hostname="n1"} 400.5
DCGM_FI_DEV_POWER_USAGE{gpu="1",UUID="GPU-b",device="nvidia1",Hostname="n1"} 300
# TYPE DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION counter
DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{gpu="0",UUID="GPU-a",device="nvidia0",Hostname="n1"} 5000000
"""

SHOWN = """\
JobId=7 JobName=train
   UserId=kim(1001) GroupId=kim(1001) MCS_label=N/A
   NodeList=n[1-2]
     Nodes=n1 CPU_IDs=0-1 Mem=0 GRES=gpu:b200:3(IDX:0-1,3)
     Nodes=n2 CPU_IDs=0 Mem=0 GRES=gpu:b200:1(IDX:7)
   Command=/home/kim/train.sh

JobId=8 JobName=eval
   NodeList=n[1-2]
     Nodes=n[1-2] CPU_IDs=2 Mem=0 GRES=gpu:b200:1(IDX:3)

"""


def seen(text: str) -> dict[activity.Device, activity.Figure]:
    return activity.figures(exporters.samples(text, "n1"), nodes=NODES)


def look(book: ActivityBook, text: str, now_s: int, **placed: str) -> ActivityBook:
    return activity.looked(
        book,
        seen(text),
        placed={("n1", number.removeprefix("gpu")): job for number, job in placed.items()},
        started={"7": 1000, "8": 1100},
        every_s=EVERY_S,
        now_s=now_s,
    )


def record(start_s: int, end_s: int, *, job: str = "7") -> UsageRecord:
    return UsageRecord(
        start=datetime.fromtimestamp(start_s, UTC), end=datetime.fromtimestamp(end_s, UTC),
        job=job, attempt=1, kind="lent", allocation=None, project="x", pool="big",
        username="kim", accelerators=2, outcome="running",
    )  # fmt: skip


def said(book: ActivityBook, one: UsageRecord) -> tuple[int | None, int | None]:
    found = activity.with_figures(one, book, run_start_s=1000, every_s=EVERY_S)
    return found.busy_permille, found.energy_j


def test_the_figures_of_dcgms_exporter_are_by_node_and_number() -> None:
    found = seen(DCGM)
    assert sorted(found) == [("n1", "0"), ("n1", "1"), ("n1", "2")]
    first, second, third = (found["n1", number] for number in "012")
    assert (first.busy_permille, first.watts, first.energy_mj) == (900, 400.5, 5_000_000)
    assert (second.busy_permille, second.watts, second.energy_mj) == (500, 300, None)
    assert third.busy_permille is None  # DCGM's word for "no value"


def test_other_exporters_say_the_same_by_other_names() -> None:
    text = (
        'nvidia_smi_utilization_gpu_ratio{minor_number="0"} 0.25\n'
        'nvidia_smi_power_draw_watts{minor_number="0"} 210\n'
        'nvidia_gpu_duty_cycle{minor_number="1"} 75\n'
        'nvidia_gpu_power_usage_milliwatts{minor_number="1"} 95000\n'
    )
    found = seen(text)
    assert [(f.busy_permille, f.watts) for _, f in sorted(found.items())] == [(250, 210), (750, 95)]


def test_what_is_of_a_part_of_an_accelerator_is_left_out() -> None:
    assert seen('DCGM_FI_PROF_GR_ENGINE_ACTIVE{gpu="0",GPU_I_ID="3",Hostname="n1"} 0.5\n') == {}


def test_slurm_says_which_accelerators_a_job_has_unless_two_have_one() -> None:
    placed = activity.places(SHOWN)
    assert placed == {
        ("n1", "0"): "7",
        ("n1", "1"): "7",
        ("n2", "7"): "7",
        ("n2", "3"): "8",
    }


def test_a_segment_takes_the_mean_of_its_own_looks() -> None:
    book = look(ActivityBook(), DCGM, 1210, gpu0="7", gpu1="7")
    book = look(book, DCGM.replace("} 90\n", "} 10\n"), 1240, gpu0="7", gpu1="7")
    busy, _ = said(book, record(1200, 1290))
    assert busy == round((900 + 500 + 100 + 500) / 4)
    assert said(book, record(1500, 1600)) == (None, None)
    assert said(book, record(1200, 1290, job="9")) == (None, None)


def test_energy_is_the_mean_power_over_the_whole_segment() -> None:
    book = look(ActivityBook(), DCGM, 1210, gpu0="7")
    assert said(book, record(1200, 1300)) == (900, round(400.5 * 2 * 100))
    later = DCGM.replace("5000000", "5300000")  # 300 J in 30 s, whatever is drawn at this instant
    book = look(book, later, 1240, gpu0="7")
    assert said(book, record(1200, 1300))[1] == round((400.5 + 10) / 2 * 2 * 100)
    reset = look(book, DCGM.replace("5000000", "20"), 1270, gpu0="7")  # the driver was reloaded
    assert said(reset, record(1200, 1300))[1] == round((400.5 + 10 + 400.5) / 3 * 2 * 100)


def test_the_exporters_own_word_for_the_job_goes_before_slurms() -> None:
    named = DCGM.replace('gpu="0",', 'gpu="0",hpc_job="8",')
    book = look(ActivityBook(), named, 1210, gpu0="7", gpu1="7")
    assert said(book, record(1200, 1290))[0] == 500
    found = activity.with_figures(
        record(1200, 1290, job="8"), book, run_start_s=1100, every_s=EVERY_S
    )
    assert found.busy_permille == 900


def test_a_figure_without_a_value_is_none_and_not_zero() -> None:
    book = look(ActivityBook(), DCGM, 1210, gpu2="7")
    assert said(book, record(1200, 1290)) == (None, None)


def test_what_is_old_is_forgotten() -> None:
    book = look(ActivityBook(), DCGM, 1210, gpu0="7")
    assert look(book, "", 1210 + activity.KEPT_S + EVERY_S).looks == {}


def test_exporters_of_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "n1.prom").write_text(DCGM)
    found = activity.figures(exporters.read([f"{tmp_path}/*.prom"]), nodes=NODES)
    assert found["n1", "0"].busy_permille == 900
