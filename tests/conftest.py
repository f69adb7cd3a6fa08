"""Fixtures for every test."""

from __future__ import annotations

from hypothesis import settings

pytest_plugins = ["tests.leftovers", "tests.servers.fixtures"]

# How long an example takes says how busy the machine is. New ones come with each run, so that fewer at a time will do.
settings.register_profile("tests", deadline=None, max_examples=60)
settings.load_profile("tests")
