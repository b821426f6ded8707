"""The forms of a study: choosing what to play, and its scenario as text."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from dure.hub.portal.filters import Filter, any_of, words
from dure.hub.portal.uploads import LARGEST, is_too_large
from dure.hub.studies.models import LONGEST_NAME
from dure.hub.studies.operations import LONGEST_SCENARIO, MOST_SEEDS
from dure.hub.studies.traces import ENDINGS, NoTrace, Trace, trace_of
from dure.protocol.study import TwinOffer

HERE: Final = "programme"
"""The choice of this programme as it stands, beside the names of shipped scenarios."""

FIRST_CHOSEN: Final = ("islands", "pool", "stewarded")
"""What programmes do now, and the two steps from there; the others are a click away."""

MOST_DAYS: Final = 366
MOST_LOAD: Final = 400
"""Per cent: the twin's own bound."""


class StudyFilter(Filter):
    """Narrows the list."""

    state = any_of(_("State"))
    text = words(_("Name"))


class _Asking(forms.Form):
    """What every study is asked with. `trace()` is the file that came, if one did."""

    use_required_attribute = False

    name = forms.CharField(label=_("Name of the study"), max_length=LONGEST_NAME)

    def __init__(self, offered: TwinOffer, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.label_suffix = ""
        self.fields["policies"] = forms.MultipleChoiceField(
            label=gettext("Policies to compare"),
            help_text=gettext("The first is what the others are held against."),
            choices=[(one.id, gettext(one.label)) for one in offered.policies],
            widget=forms.CheckboxSelectMultiple,
            initial=[one.id for one in offered.policies if one.id in FIRST_CHOSEN],
            error_messages={"required": gettext("Please choose at least one policy.")},
        )
        self.fields["seeds"] = forms.IntegerField(
            label=gettext("Draws of jobs and failures"),
            help_text=gettext(
                "Each draw is another set of jobs and failures of the same kind. From two on the"
                " differences come with their uncertainty; each takes as long as the first."
            ),
            min_value=1,
            max_value=MOST_SEEDS,
            initial=3,
        )

    def clean_trace(self) -> Trace | None:
        given: UploadedFile[bytes] | None = self.cleaned_data["trace"]
        if given is None:
            return None
        if is_too_large(given):
            most = LARGEST // (1024 * 1024)
            raise forms.ValidationError(
                gettext("The file is larger than %(most)s MiB.") % {"most": most}
            )
        given.seek(0)
        try:
            return trace_of(given.name or "", given.read())
        except NoTrace:
            raise forms.ValidationError(_kinds()) from None


class ChoiceForm(_Asking):
    """A shipped scenario or this programme, with the few things that are changed most."""

    def __init__(self, offered: TwinOffer, *args: Any, **kwargs: Any) -> None:
        super().__init__(offered, *args, **kwargs)
        self.fields["source"] = forms.ChoiceField(
            label=gettext("What is played"),
            choices=_sources(offered),
            widget=forms.RadioSelect,
            initial=HERE,
        )
        self.fields["days"] = forms.IntegerField(
            label=gettext("Days"),
            help_text=gettext("Empty: as many as the scenario has; this programme: 90."),
            min_value=1,
            max_value=MOST_DAYS,
            required=False,
        )
        self.fields["load"] = forms.IntegerField(
            label=gettext("Demand, in per cent"),
            help_text=gettext(
                "Of what the projects hold or ask for; with jobs of your own, of the whole"
                " capacity. Empty: as in the scenario; this programme: 80."
            ),
            min_value=1,
            max_value=MOST_LOAD,
            required=False,
        )
        self.fields["profile"] = forms.ChoiceField(
            label=gettext("Engine of the sites"),
            help_text=gettext(
                "How soon it stops lent work and starts it again. Empty: as in the scenario; this"
                " programme: ideal."
            ),
            choices=[("", "–"), *((p, p) for p in offered.profiles)],
            required=False,
        )
        self.fields["trace"] = _trace_field(gettext("Jobs of your own, instead of drawn ones"))
        order = ("name", "source", "policies", "seeds", "days", "load", "profile", "trace")
        self.order_fields(order)


class TextForm(_Asking):
    """The scenario as text."""

    def __init__(self, offered: TwinOffer, *args: Any, **kwargs: Any) -> None:
        super().__init__(offered, *args, **kwargs)
        self.fields["scenario"] = forms.CharField(
            label=gettext("Scenario"),
            help_text=gettext(
                "YAML. A trace of your own is named trace and the ending of your file, such as"
                " trace.csv.gz."
            ),
            max_length=LONGEST_SCENARIO,
            strip=False,
            widget=forms.Textarea(attrs={"rows": 24, "spellcheck": "false", "class": "code"}),
        )
        self.fields["trace"] = _trace_field(gettext("Jobs of your own"))
        self.order_fields(("name", "scenario", "trace", "policies", "seeds"))


def _trace_field(label: str) -> forms.FileField:
    return forms.FileField(
        label=label,
        help_text=_kinds(),
        required=False,
        widget=forms.FileInput(attrs={"accept": ",".join(ENDINGS)}),
    )


def _kinds() -> str:
    said = gettext(
        "A file of ours (CSV, Parquet), in the Standard Workload Format, or what sacct -P printed:"
        " %(endings)s, up to %(most)s MiB."
    )
    return said % {"endings": " ".join(ENDINGS), "most": LARGEST // (1024 * 1024)}


def _sources(offered: TwinOffer) -> list[tuple[str, str]]:
    korean = (get_language() or "ko").startswith("ko")
    shipped = [(one.id, one.name.ko if korean else one.name.en) for one in offered.scenarios]
    return [
        (HERE, gettext("This programme as it stands: its supply, allocations and waitlist")),
        *shipped,
    ]
