"""The histories of tests/sync at length."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.servers.model import CLASSES
from tests.sync.histories import History

pytestmark = pytest.mark.soak
MANY = settings(
    max_examples=100,
    stateful_step_count=30,
    deadline=None,
    database=None,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("kind", CLASSES)
def test_many_histories(kind: str) -> None:
    run_state_machine_as_test(type("Histories", (History,), {"kind": kind}), settings=MANY)
