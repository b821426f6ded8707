"""The site that a test of the contract plays on, once for each engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest
from tests.contract.engines import ENGINES, OPENED, Driver

from dure.backends.contract import SetGrace


@pytest.fixture(params=ENGINES)
def site(request: pytest.FixtureRequest) -> Iterator[Driver]:
    """An engine with a grace of five seconds and nothing on it."""
    make: Callable[[], AbstractContextManager[Driver]] = request.param
    with make() as driver:
        driver.engine.apply(SetGrace(grace_s=5))
        yield driver


@pytest.fixture(scope="session", autouse=True)
def _labs() -> Iterator[None]:
    """Ends the lab of this worker, where there was one."""
    yield
    OPENED.close()
