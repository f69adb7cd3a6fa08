"""Fixtures for every test."""

from __future__ import annotations

from hypothesis import settings

pytest_plugins = ["tests.leftovers", "tests.servers.fixtures"]

# How long an example takes says how busy the machine is.
settings.register_profile("tests", deadline=None)
settings.load_profile("tests")
