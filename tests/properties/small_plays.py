"""Small plays that the properties of the twin are of: what work, under which policy."""

from __future__ import annotations

from hypothesis import strategies as st
from tests.unit.twin import tiny

from dure.twin.policies import POLICIES

DAYS = 8
job = st.tuples(
    st.integers(0, DAYS * tiny.DAY_S - 1),
    st.integers(1, 3 * tiny.DAY_S),
    st.sampled_from([1, 2, 4, 8, 16]),
    st.integers(0, 2),
)
works = st.lists(job, min_size=1, max_size=40).map(lambda rows: tiny.jobs(*sorted(rows)))
policies = st.sampled_from(sorted(POLICIES))
