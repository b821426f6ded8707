"""Sentences of what-if scenarios: why one cannot be made, planned or proposed."""

from typing import Final

from dure.vocabulary.marking import gettext_noop as _

TEXTS: Final[dict[str, str]] = {
    "scenario.no_such_pool": _("The round has no pool {name}. Its pools are: {known}."),
    "scenario.no_such_group": _("The round has no quota or rule {name}. It has: {known}."),
    "scenario.group_exists": _(
        "The round has a rule {name} already. Change its bounds, or give the new one another name."
    ),
    "scenario.floor_of_each": _(
        "The rule {name} bounds each organisation or region by itself. A floor is for a group taken"
        " together."
    ),
    "scenario.no_such_application": _("The round has no application {name}."),
    "scenario.standing_missing": _(
        "The application {name} has no score and rank. Give them for all applications of the round"
        " or for none."
    ),
    "scenario.rank_twice": _("Rank {rank} is given twice, the second time to {name}."),
    "scenario.needs_bands": _("A lottery needs the least score of each band."),
    "scenario.bands_without_lottery": _("Only a lottery has bands of scores."),
    "scenario.bands_fall": _("The bands of scores must fall from the best band to the last."),
    "scenario.takes_too_many": _(
        "Servers that pool {name} has to give: {most} in its best month. As many as {taken} cannot"
        " be taken off."
    ),
    "scenario.conflict": _("No plan can keep these rules together."),
    "scenario.not_ranked": _("By these scores it has no rank: it does not reach the pass mark."),
    "scenario.applications_missing": _(
        "By these scores applications of the round have no rank: {applications}. The ranking"
        " decides who takes part, so this scenario can be looked at but not proposed."
    ),
    "scenario.supply_missing": _(
        "It gives servers that the round does not have, in: {pools}. Add them to the programme"
        " first, then make the plan again."
    ),
}
