"""Fixtures for tests that speak to real servers: one Dovecot and one pymap a session, started when first asked for."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.corpus import MISSING, corpus_dir
from tests.servers.dovecot import Dovecot
from tests.servers.pymap_server import Pymap

if TYPE_CHECKING:
    from tests.servers.oidc import Oidc

_numbers = itertools.count(1)
USERS = {f"user{number}": f"secret{number}" for number in range(1, 201)}


@pytest.fixture(scope="session")
def dovecot() -> Iterator[Dovecot]:
    """A Dovecot with everything it can, shared by the session; take a user of your own from `fresh_user`."""
    with Dovecot(USERS) as server:
        yield server


@pytest.fixture
def fresh_user() -> str:
    """The name of a user of the shared Dovecot whose mailboxes nobody has touched."""
    return f"user{next(_numbers)}"


@pytest.fixture
def start_dovecot() -> Iterator[Callable[..., Dovecot]]:
    """Start a Dovecot of one's own: `start_dovecot({"alice": "secret"}, capability=...)`; stopped after the test."""
    servers: list[Dovecot] = []

    def start(*arguments: Any, **options: Any) -> Dovecot:
        server = Dovecot(*arguments, **options)
        servers.append(server)
        server.start()
        return server

    yield start
    for server in servers:
        server.close()


@pytest.fixture(scope="session")
def oidc() -> Iterator[Oidc]:
    """An OpenID provider shared by the session; make a user of your own with `make_user`."""
    from tests.servers.oidc import Oidc

    with Oidc() as provider:
        yield provider


@pytest.fixture
def pymap() -> Iterator[Pymap]:
    """A pymap with an empty INBOX for user `alice`, password `secret`."""
    with Pymap() as server:
        yield server


@pytest.fixture(scope="session")
def corpus() -> Path:
    """The corpus's folder; fails in CI without it, skips with the reason anywhere else."""
    folder = corpus_dir()
    if folder is None:
        if os.environ.get("CI") == "true":
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    return folder
