"""The programme as data: supply, calls, rules and money of one shared-compute programme.

A programme file (YAML) is this model; `dure.vocabulary.programme_file` reads one and names file,
line and field of whatever is wrong. Real programmes stand under `programmes/`.
"""

from dure.vocabulary.programme.allotment import Allotment, Bound, GroupRule
from dure.vocabulary.programme.calls import (
    Call,
    Criterion,
    FormField,
    Quota,
    Rubric,
    SizeClass,
    Track,
)
from dure.vocabulary.programme.eligibility import EligibilityRule
from dure.vocabulary.programme.model import Programme
from dure.vocabulary.programme.money import CostShare, MarketPrice
from dure.vocabulary.programme.reclaim import ReclaimRule
from dure.vocabulary.programme.references import ReferencesError
from dure.vocabulary.programme.reviewing import (
    PanelRule,
    PeerReview,
    Reviewing,
    ReviewStage,
)
from dure.vocabulary.programme.supply import (
    AcceleratorModel,
    Certification,
    Cluster,
    Pool,
    Provider,
    PublishedFigure,
    Site,
    StandingAllocation,
)
from dure.vocabulary.programme.supply_calls import SupplyCall

__all__ = [
    "AcceleratorModel",
    "Allotment",
    "Bound",
    "Call",
    "Certification",
    "Cluster",
    "CostShare",
    "Criterion",
    "EligibilityRule",
    "FormField",
    "GroupRule",
    "MarketPrice",
    "PanelRule",
    "PeerReview",
    "Pool",
    "Programme",
    "Provider",
    "PublishedFigure",
    "Quota",
    "ReclaimRule",
    "ReferencesError",
    "ReviewStage",
    "Reviewing",
    "Rubric",
    "Site",
    "SizeClass",
    "StandingAllocation",
    "SupplyCall",
    "Track",
]
