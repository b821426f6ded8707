"""A study as one HTML page that needs nothing else: which policy to choose, and why.

- The answer first, by the rule of `advice`, with the rule and who else is as good.
- Every figure is the mean over the seeds; ranges are over the seeds, ± is Student's 95 %.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Final

from dure.twin import plots, report_months
from dure.twin.advice import advice_of, late
from dure.twin.compare import Figure
from dure.twin.figures import Form, hundredths, percent, shown, tenths, whole
from dure.twin.metrics import CLASSES
from dure.twin.plots import Bar, Lane
from dure.twin.policies import POLICIES
from dure.twin.setting import DAY_S, Setting
from dure.twin.site import SERIES
from dure.twin.study import Study
from dure.twin.words import Language, Say, speaker
from dure.vocabulary.marking import gettext_noop as _

_FEW: Final = 5
"""Below this Student's factor is above 2.8; our choice."""
_MOST_LANES: Final = 24
_STACK: Final = ("owner", "lent", "held", "idle", "down")

_KINDS: Final = {
    "owner": _("used by owners"),
    "lent": _("lent"),
    "held": _("held for an owner"),
    "idle": _("idle"),
    "down": _("down"),
}
_CLASSES: Final = (
    _("part of a node"),
    _("one node"),
    _("2 to 8 nodes"),
    _("more than 8 nodes"),
)

_STYLE: Final = """
body{font:16px/1.6 'Noto Sans KR','Pretendard GOV',system-ui,sans-serif;color:#1e2124;margin:0 auto;
max-width:1080px;padding:24px;word-break:keep-all;
overflow-wrap:break-word}h1{font-size:28px;line-height:1.3}h2{margin-top:40px;font-size:21px}
h3{margin:20px 0 4px;font-size:16px}.answer{background:#eef4fb;border-left:6px solid #0b50d0;
padding:14px 20px;font-size:18px}img{width:100%;min-width:600px;
max-width:960px;height:auto;display:block}
table{border-collapse:collapse;width:100%;font-size:14px}.scroll{overflow-x:auto}
th,td{border-bottom:1px solid #cdd1d5;padding:6px 8px;text-align:right;vertical-align:top}
th:first-child,td:first-child{text-align:left;min-width:7em;
position:sticky;left:0;background:#fff}
tbody th{font-weight:400}summary{cursor:pointer;
padding:6px 0;font-weight:600}small{color:#464c53;display:block;white-space:nowrap}
.key span{display:inline-block;width:14px;height:14px;margin:0 6px 0 16px;vertical-align:-2px;
border:1px solid #8a949e}
"""


def html(study: Study, language: Language) -> str:
    """The whole page."""
    say, setting = speaker(language), study.setting
    name = study.scenario.name.ko if language == "ko" else study.scenario.name.en
    body = "\n".join(
        (
            f"<h1>{escape(name)}</h1>",
            _about(study, setting, say),
            f'<p class="answer">{escape(answer_in(study, say))}</p>',
            _why(study, say),
            _policies(study, say),
            _bars(study, say),
            _occupancy(study, say),
            _waits(study, say),
            _table(study, say),
            _months(study, say),
            _gantt(study, setting, say),
            _notes(study, say),
        )
    )
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(name)}</title><style>{_STYLE}</style></head><body><main>{body}"
        "</main></body></html>"
    )


def _heading(words: str) -> str:
    return f"<h2>{escape(words)}</h2>"


def _about(study: Study, setting: Setting, say: Say) -> str:
    said = say(
        _(
            "Accelerators: {accelerators}; pools: {pools}; projects: {projects}; days: {days}; "
            "jobs: {jobs}; engine: {profile}; draws of jobs and failures: {seeds}."
        )
    ).format(
        accelerators=f"{setting.capacity:,}",
        pools=len(setting.pools),
        projects=len(setting.projects),
        days=setting.days,
        jobs=f"{study.metrics[0].jobs:,}",
        profile=study.scenario.profile,
        seeds=len(study.comparison.seeds),
    )
    return f"<p>{escape(said)}</p>"


def answer_in(study: Study, say: Say) -> str:
    """The sentence that the page opens with, as `say` puts it."""
    best, first = advice_of(study).policy, study.comparison.policies[0]
    if best is None:
        return say(_("No policy here keeps the guarantees: more than one start in 100 is late."))
    figures = study.comparison.figures
    parts = {
        "policy": say(POLICIES[best].label),
        "useful": percent(figures["useful_occupancy"][best].mean or 0),
        "first": say(POLICIES[first].label),
        "before": percent(figures["useful_occupancy"][first].mean or 0),
        "wait": tenths(figures["wait_mean_h"][best].mean or 0),
        "wait_before": tenths(figures["wait_mean_h"][first].mean or 0),
        "late": percent(late(study, best)),
    }
    if best == first:
        alone = _(
            "Choose “{policy}”: {useful} of the healthy capacity does useful work, jobs wait {wait}"
            " h on average, and {late} of guaranteed starts are late."
        )
        return say(alone).format(**parts)
    return say(
        _(
            "Choose “{policy}”: {useful} of the healthy capacity does useful work ({first}: "
            "{before}), jobs wait {wait} h on average ({first}: {wait_before} h), and {late} of "
            "guaranteed starts are late."
        )
    ).format(**parts)


def answer(study: Study, language: Language) -> str:
    """The sentence that the page opens with."""
    return answer_in(study, speaker(language))


def _why(study: Study, say: Say) -> str:
    """The rule of the choice, and where each policy stands by the part that the table lacks."""
    rule = _(
        "How it is chosen: at most 1 guaranteed start in 100 may be late; of the policies that"
        " keep to this, those within one percentage point of the most useful work; of these, the"
        " one with the shortest mean wait. Late in 1,000 guaranteed starts: {shares}."
    )
    shares = "; ".join(
        f"{say(POLICIES[policy].label)} {hundredths(1000 * late(study, policy))}"
        for policy in study.comparison.policies
    )
    said = [say(rule).format(shares=shares)]
    as_good = advice_of(study).as_good
    if as_good:
        alike = _("As good, as far as these draws can tell: {policies}.")
        names = ", ".join(say(POLICIES[policy].label) for policy in as_good)
        said.insert(0, say(alike).format(policies=names))
    seeds = len(study.comparison.seeds)
    if seeds < _FEW:
        few = _("Draws: {seeds}. With fewer than {few}, another draw may change the choice.")
        said.append(say(few).format(seeds=seeds, few=_FEW))
    return "".join(f"<p>{escape(one)}</p>" for one in said)


def rows(study: Study) -> Iterator[tuple[str, str, list[tuple[str, str]]]]:
    """(metric, label, (figure, difference to the first) of each policy), as the page writes it."""
    for metric, label, form in shown(study.comparison):
        by_policy = study.comparison.figures[metric]
        yield metric, label, [_told(by_policy[p], form) for p in study.comparison.policies]


def _policies(study: Study, say: Say) -> str:
    rows = "".join(
        f"<dt><strong>{escape(say(POLICIES[p].label))}</strong></dt>"
        f"<dd>{escape(say(POLICIES[p].says))}</dd>"
        for p in study.comparison.policies
    )
    return _heading(say(_("The policies"))) + f"<dl>{rows}</dl>"


def _bars(study: Study, say: Say) -> str:
    shown = (
        ("useful_occupancy", percent, _("Useful occupancy"), "#0072b2"),
        ("wait_mean_h", tenths, _("Mean wait, hours"), "#d55e00"),
        ("lost_hours", whole, _("Work lost, accelerator-hours"), "#7f3b08"),
    )
    parts = [_heading(say(_("Side by side")))]
    for metric, form, title, colour in shown:
        figures = study.comparison.figures[metric]
        rows = [
            Bar(
                say(POLICIES[p].label),
                f.mean,
                f.low,
                f.high,
                "" if f.mean is None else form(f.mean),
            )
            for p, f in figures.items()
        ]
        parts.append(
            f"<h3>{escape(say(title))}</h3>{plots.bars(rows, title=say(title), colour=colour)}"
        )
    return "".join(parts)


def _bar(label: str, figure: Figure, form: Form) -> Bar:
    said = "" if figure.mean is None else form(figure.mean)
    return Bar(label, figure.mean, figure.low, figure.high, said)


def _occupancy(study: Study, say: Say) -> str:
    key = "".join(
        f'<span style="background:{plots.COLOURS[kind]}"></span>{escape(say(_KINDS[kind]))}'
        for kind in _STACK
    )
    parts = [
        _heading(say(_("Where the accelerators were, over time"))),
        f'<p class="key">{key}</p>',
    ]
    order = [SERIES.index(kind) for kind in _STACK]
    for policy, series in study.series.items():
        title = say(POLICIES[policy].label)
        drawn = plots.areas(
            series, order, SERIES, days=study.scenario.days, title=title, day=say(_("day {number}"))
        )
        parts.append(f"<h3>{escape(title)}</h3>{drawn}")
    return "".join(parts)


def _waits(study: Study, say: Say) -> str:
    """Mean waits by size, over all seeds, of jobs that started, and how many never did."""
    head = "".join(f"<th>{escape(say(name))}</th>" for name in _CLASSES)
    rows = "".join(_wait_row(study, policy, say) for policy in study.comparison.policies)
    first = escape(say(_("Policy")))
    return _heading(say(_("Mean wait by size of job, hours"))) + (
        f'<div class="scroll"><table><thead><tr><th>{first}</th>{head}</tr>'
        f"</thead><tbody>{rows}</tbody></table></div>"
    )


def _wait_row(study: Study, policy: str, say: Say) -> str:
    cells = []
    for name in CLASSES:
        waits = [one.waits[name] for one in study.metrics if one.policy == policy]
        jobs, started = sum(w.jobs for w in waits), sum(w.started for w in waits)
        if not jobs:
            cells.append("<td>–</td>")
            continue
        mean = sum(w.mean_h * w.started for w in waits) / max(1, started)
        never = say(_("{share} never started")).format(share=percent((jobs - started) / jobs))
        cells.append(f"<td>{tenths(mean) if started else '–'}<small>{escape(never)}</small></td>")
    return f"<tr><td>{escape(say(POLICIES[policy].label))}</td>{''.join(cells)}</tr>"


def _table(study: Study, say: Say) -> str:
    policies = study.comparison.policies
    head = "".join(f"<th>{escape(say(POLICIES[p].label))}</th>" for p in policies)
    rows = []
    for metric, label, form in shown(study.comparison):
        by_policy = study.comparison.figures[metric]
        cells = "".join(f"<td>{_cell(by_policy[p], form)}</td>" for p in policies)
        rows.append(f"<tr><td>{escape(say(label))}</td>{cells}</tr>")
    note = " ".join(
        (
            say(_("Small: the difference to the first policy, ± 95 %, seed by seed.")),
            say(_("Differences of shares are in percentage points.")),
        )
    )
    return _heading(say(_("Every figure"))) + (
        f"<p>{escape(note)}</p>"
        f'<div class="scroll"><table><thead><tr><th></th>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def _cell(figure: Figure, form: Form) -> str:
    value, change = _told(figure, form)
    return f"{value}<small>{change}</small>" if change else value


def _told(figure: Figure, form: Form) -> tuple[str, str]:
    if figure.mean is None or figure.difference is None:
        return "–" if figure.mean is None else form(figure.mean), ""
    sign = "+" if figure.difference >= 0 else "−"
    within = "" if figure.within is None else f" ± {form(figure.within)}"
    change = f"{sign}{form(abs(figure.difference))}{within}"
    return form(figure.mean), change.replace(" %", "")


def _months(study: Study, say: Say) -> str:
    first = advice_of(study).policy or study.comparison.policies[0]
    labels = {policy: POLICIES[policy].label for policy in study.comparison.policies}
    return _heading(say(_("Where every accelerator-hour went, by month"))) + report_months.section(
        study.months, labels, first=first, say=say
    )


def _gantt(study: Study, setting: Setting, say: Say) -> str:
    policy = advice_of(study).policy or study.comparison.policies[0]
    every = list(_lanes(study, setting, policy))
    lanes = every[:_MOST_LANES]
    note = say(
        _(
            "First draw. In a bar: its servers. Without a bar: nothing was promised."
            " Projects shown: {shown} of {all}."
        )
    ).format(shown=len(lanes), all=len(every))
    title = say(_("Servers promised over time: {policy}")).format(
        policy=say(POLICIES[policy].label)
    )
    drawn = plots.gantt(lanes, days=setting.days, title=title, day=say(_("day {number}")))
    return f"<h2>{escape(title)}</h2><p>{escape(note)}</p>{drawn}"


def _lanes(study: Study, setting: Setting, policy: str) -> Iterator[Lane]:
    changes: dict[str, list[tuple[float, int]]] = {
        p.key: [(p.from_s / DAY_S, p.servers), (p.until_s / DAY_S, 0)] if p.servers else []
        for p in setting.projects
    }
    for at_s, what, project, servers in study.events[policy]:
        held = changes[project]
        at = at_s / DAY_S
        before = [n for day, n in sorted(held) if day <= at]
        left = {"pull_back": (before[-1] if before else 0) - servers}
        left |= dict.fromkeys(("promote", "award"), servers)
        if what in left:
            held[:] = [one for one in held if what == "pull_back" or one[0] < at]
            held.append((at, left[what]))
        elif what == "expire":
            held.append((at, 0))
    for project, points in changes.items():
        ends = [*(day for day, _n in sorted(points)[1:]), float(setting.days)]
        yield Lane(
            project,
            tuple(
                (day, min(until, setting.days), count)
                for (day, count), until in zip(sorted(points), ends, strict=False)
                if count and day < setting.days
            ),
        )


def _notes(study: Study, say: Say) -> str:
    notes = [
        _("Means over the seeds; ranges in the bars are the lowest and the highest seed."),
        _("Pull-backs are approved, and awards accepted, on the day they are proposed."),
        _("A guaranteed start is late when it takes longer than the grace and the site's sweep."),
        _(
            "Under islands nothing is lent or taken back: a start is late there where a node has"
            " failed, or where what is free lies in pieces."
        ),
        _("Waits are of jobs that started; how many never did stands in the tables."),
    ]
    said = [*map(say, notes), *(note.said(say) for note in study.notes)]
    rows = "".join(f"<li>{escape(one)}</li>" for one in said)
    return _heading(say(_("How to read this"))) + f"<ul>{rows}</ul>"
