"""What is said of each malformed trace, as text that a person reviews: malformed_traces.txt.

`DURE_WRITE_GOLDEN=1` writes the text anew.
"""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Final

import pytest

from dure.twin.workload import Form, UnableToReadTrace, read

GOLDEN: Final = Path(__file__).with_name("malformed_traces.txt")

HEAD: Final = "job_id,submit_s,duration_s,gpus\n"
SACCT: Final = "JobID|Submit|Start|End|Elapsed|Timelimit|State|AllocTRES\n"
GOOD: Final = "{}|2026-03-02T09:00:00|2026-03-02T09:05:00|2026-03-02T10:05:00|01:00:00|"
PODS: Final = (
    "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,pod_phase,"
    "creation_time,deletion_time,scheduled_time\n"
)
ENDED: Final = GOOD + "1-00:00:00|COMPLETED|gres/gpu=8\n"
MANY: Final = HEAD + "".join(f"{job},{job},60,8\n" for job in range(5_000))

FILES: Final[dict[str, tuple[str, str | bytes]]] = {
    "negative times": ("a.csv", HEAD + "1,0,60,8\n2,-5,60,8\n3,9,-60,8\n"),
    "huge sizes": ("a.csv", HEAD + "1,0,60,99999999999\n2,1e300,60,8\n3,1,60000000000,8\n"),
    "text in numbers": ("a.csv", HEAD + "1,0,an hour,8\n2,nan,60,8\n3,0,60,8 GPUs\n4,0,60,8\n"),
    "dates in seconds": ("a.csv", HEAD + "1,2026-03-02T09:00:00,60,8\n"),
    "values missing": ("a.csv", HEAD + "1,0,,8\n,0,60,8\n"),
    "short and long rows": ("a.csv", HEAD + "1,0,60\n\n2,0,60,8,V100\n3,0,60,8\n"),
    "one job twice": ("a.csv", HEAD + "1,0,60,8\n2,0,60,8\n1,0,60,8\n"),
    "a kind nobody knows": ("a.csv", HEAD[:-1] + ",kind\n1,0,60,8,free\n"),
    "a column missing": ("a.csv", "job_id,submit,duration_s,gpus\n1,0,60,8\n"),
    "a column twice": ("a.csv", "job_id,submit_s,duration_s,gpus,gpus\n1,0,60,8,8\n"),
    "an open quotation mark": ("a.csv", HEAD + '1,0,60,8\n"2,0,60,8\n3,0,60,8\n'),
    "a header only": ("a.csv", HEAD),
    "nothing": ("a.csv", ""),
    "no job on accelerators": ("a.csv", HEAD + "1,0,60,0\n2,0,60,0\n"),
    "an origin without a zone": ("a.csv", "# origin: 2026-03-02T09:00:00\n" + HEAD),
    "not UTF-8": ("a.csv", (HEAD + "1,0,60,8\n작업,0,60,8\n").encode("cp949")),
    "a NUL in a number": ("a.csv", HEAD + "1,0,6\0,8\n"),
    "truncated gzip": ("a.csv.gz", gzip.compress(MANY.encode(), mtime=0)[:9_000]),
    "damaged gzip": ("a.csv.gz", gzip.compress(MANY.encode(), mtime=0)[:-8] + b"damaged!"),
    "another form": ("a.txt", "job 1 ran\n"),
    "a Parquet file cut off": ("a.parquet", b"PAR1\x15\x04\x15"),
    "a short line of SWF": ("a.swf", "; UnixStartTime: 0\n1 0 5 60 8\n"),
    "text in SWF": ("a.swf", "1 0 5 x 8 -1 -1 8 60 -1 1 1 1 -1 -1 -1 -1 -1\n"),
    "a negative time in SWF": ("a.swf", "1 -7 5 60 8 -1 -1 8 60 -1 1 1 1 -1 -1 -1 -1 -1\n"),
    "times of no zone": ("a.txt", SACCT + ENDED.format(1)),
    "a time that was skipped": (
        "Europe.txt",
        SACCT + "1|2026-03-29T01:30:00|2026-03-29T02:30:00|2026-03-29T04:30:00|01:00:00||COMPLETED|"
        "gres/gpu=8\n",
    ),
    "times of two zones": (
        "Seoul.txt",
        SACCT
        + "1|2026-03-02T09:00:00|2026-03-02T00:05:00|2026-03-02T01:05:00|01:00:00||COMPLETED|\n"
        "2|2026-03-02T09:00:00|2026-03-02T09:05:00|2026-03-02T10:05:00|10:00:00||COMPLETED|\n",
    ),
    "a duration in words": (
        "Seoul.txt",
        SACCT + ENDED.format(1) + (GOOD + "a day|COMPLETED|gres/gpu=8\n").format(2),
    ),
    "a state nobody knows": ("Seoul.txt", SACCT + (GOOD + "|EATEN|gres/gpu=8\n").format(1)),
    "accelerators in words": ("Seoul.txt", SACCT + (GOOD + "|FAILED|gres/gpu=two\n").format(1)),
    "a pipe in a job's name": ("Seoul.txt", SACCT + ENDED.format(1) + ENDED.format("2|x")),
    "a zone that does not exist": ("Atlantis.txt", SACCT + ENDED.format(1)),
    "no accelerators in the header": ("a.txt", "JobID|Submit|Start|State|Elapsed\n1|||FAILED|\n"),
    "pods deleted before they ran": ("pods.csv", PODS + "p,1,1,1,460,,Failed,50,40,60\n"),
}
ZONES: Final = {"Seoul.txt": "Asia/Seoul", "Europe.txt": "Europe/Berlin", "Atlantis.txt": "Sea"}


def said_of(folder: Path, name: str, content: str | bytes) -> str:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UnableToReadTrace) as refused:
        read(path, zone=ZONES.get(name))
    return str(refused.value)


def test_each_malformed_trace_is_refused_with_what_is_wrong_and_where(tmp_path: Path) -> None:
    said = "\n".join(f"## {title}\n{said_of(tmp_path, *file)}\n" for title, file in FILES.items())
    if os.environ.get("DURE_WRITE_GOLDEN"):
        GOLDEN.write_text(said, encoding="utf-8")
    assert said == GOLDEN.read_text(encoding="utf-8")


def test_broken_rows_may_be_dropped_and_are_listed(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(HEAD + "1,0,60,8\n2,-5,60,8\n3,x,60,8\n4,9,0,2\n5,9,60,0\n", encoding="utf-8")
    trace, provenance = read(path, tolerate=2)
    assert trace.job_id.tolist() == ["1", "4"]
    assert trace.run_s.tolist() == [60, 1]
    assert provenance.lines() == [
        "a.csv: 2 of 5 rows kept",
        "dropped: 1 · a negative number",
        "dropped: 1 · text where a number belongs",
        "set aside: 1 · asked for no accelerator",
        "kept with a change: 1 · ran for 0 seconds: counted as 1",
        "a.csv:3: submit_s: '-5' is negative",
        "a.csv:4: submit_s: 'x' is not a number; write digits only, without a unit",
    ]
    with pytest.raises(UnableToReadTrace):
        read(path, tolerate=1)


def test_a_long_list_of_problems_is_cut_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(HEAD + "".join(f"{job},-1,60,8\n" for job in range(30)), encoding="utf-8")
    with pytest.raises(UnableToReadTrace) as refused:
        read(path)
    assert len(refused.value.problems) == 30
    assert str(refused.value).splitlines()[-1] == "… and 10 more"


def test_a_file_that_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    from dure.twin.workload.files import text_of  # noqa: PLC0415  # the bound is its argument

    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"0" * 5_000_000))
    with pytest.raises(UnableToReadTrace, match="more than 1000 bytes"):
        text_of(path, most=1_000)


def test_a_sentence_is_translated_with_its_values(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(HEAD + "1,-1,60,8\n", encoding="utf-8")
    korean = {"'{value}' is negative": "'{value}'은(는) 음수입니다"}
    with pytest.raises(UnableToReadTrace) as refused:
        read(path, form=Form.CSV)
    assert refused.value.lines(lambda text: korean.get(text, text))[-1] == (
        "a.csv:2: submit_s: '-1'은(는) 음수입니다"
    )
