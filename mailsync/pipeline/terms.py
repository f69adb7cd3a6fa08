"""What scores go by under a configuration; apart from the stage, since asking must not load it."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING

from mailsync.store.scores import Terms

if TYPE_CHECKING:
    from mailsync.config.models import Config

SCORES = 1
"""Of what `scorer` makes of a document: a higher one has everything scored anew."""


def terms(config: Config) -> Terms:
    """The stamp stands for the user's addresses and names, too; none can be read in it."""
    accounts = config.accounts.values()
    mine = {one for account in accounts for one in (account.email, account.username, *account.aliases)}
    called = {name for account in accounts for name in account.names}
    weights: dict[str, float] = dict(config.triage.weights)
    told = json.dumps([SCORES, sorted(mine), sorted(called), weights, config.triage.learn], sort_keys=True)
    return Terms(sha256(told.encode()).hexdigest()[:16], weights, config.triage.learn)
