"""The provider's description of a site."""

from dure.vocabulary.frozen import Frozen


class SiteConfig(Frozen):
    engine: str
