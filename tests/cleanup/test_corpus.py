"""Every rule over thousands of real messages, as if one of those who wrote and got them had the mailbox.

None of what is proposed may be addressed to that person, by a look at it that shares nothing with the guard. How much
of the real list mail is proposed is printed (`pytest -rP`).
"""

from __future__ import annotations

import email
import re
from collections import Counter
from collections.abc import Iterator
from email.message import Message
from email.utils import getaddresses
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from mailsync.cleanup import guard
from mailsync.cleanup.guard import never
from mailsync.store.database import Store
from tests.cleanup.letters import facts, known
from tests.cleanup.mailboxes import configured, mirrored, scanned
from tests.corpus import iter_bulk, iter_torture
from tests.store.filled import Letter

NOW = 1_800_000_000.0
USERS: dict[str, dict[str, Any]] = {
    "gregkh@linuxfoundation.org": {"aliases": ["greg@kroah.com"], "names": ["Greg Kroah-Hartman", "Greg"]},
    "garym@canada.com": {"aliases": [], "names": ["Gary Lawrence Murphy", "Gary"]},
    "yyyy@spamassassin.taint.org": {"aliases": ["zzzz@spamassassin.taint.org"], "names": ["Justin Mason", "Justin"]},
}
"""A maintainer who is in Cc of everything, somebody who writes to a list a lot, somebody who gets the newsletters."""
GREEDY = {"rules": {"everything": {"query": "larger:0 OR smaller:1", "actions": ["label"]}}}
"""A rule of the user's own that finds every message. It is asked first; without it the shipped ones are."""
RECIPIENTS = ("to", "cc", "bcc", "resent-to", "resent-cc", "resent-bcc", "apparently-to")


class Mailbox(NamedTuple):
    """A store with all messages, read or not in turn; the messages by id, and those that say they came by a list."""

    store: Store
    messages: dict[int, Message]
    listed: frozenset[int]


@pytest.fixture(scope="module")
def mailbox(tmp_path_factory: pytest.TempPathFactory, corpus: Path) -> Iterator[Mailbox]:
    store = Store.open(tmp_path_factory.mktemp("corpus"))
    every = [raw for _, raw in iter_bulk()]
    ids = mirrored(store, [Letter(raw, flags=number % 2) for number, raw in enumerate(every)])
    messages = {ident: email.message_from_bytes(raw) for ident, raw in zip(ids, every, strict=True)}
    listed = frozenset(ident for ident, one in messages.items() if "list-id" in one or "list-unsubscribe" in one)
    yield Mailbox(store, messages, listed)
    store.close()


def is_for(message: Message, addresses: list[str]) -> bool:
    """By its header, as the standard library reads it."""
    values = [str(value) for name in RECIPIENTS for value in message.get_all(name, [])]
    found = {address.lower() for _, address in getaddresses(values)}
    return not found.isdisjoint(addresses) or any(one in value.lower() for value in values for one in addresses)


def calls(message: Message, names: list[str]) -> bool:
    """By its subject and its texts."""
    told = [str(message.get("subject", ""))]
    for part in message.walk():
        if part.get_content_type() == "text/plain":
            data = part.get_payload(decode=True)
            told.append(data.decode("latin-1") if isinstance(data, bytes) else "")
    return any(re.search(rf"\b{re.escape(name)}\b", text, re.IGNORECASE) for name in names for text in told)


def came_by_list(message: Message) -> bool:
    return any(name in message for name in ("list-id", "list-post", "mailing-list"))


def test_whoever_is_put_into_a_message_is_spared(corpus: Path) -> None:
    """However broken the rest is: each nasty message gets a field more, before or behind those that it has."""
    me, spared = known(), Counter[str | None]()
    fields = (b"Cc: max@example.com", b"To: ann@far.test,\n Max <MAX+list@example.com>\nList-Id: <x.list.test>")
    for number, (_, raw) in enumerate(iter_torture()):
        start = raw.find(b"\n") + 1 if raw.startswith(b"From ") else 0
        one = raw[:start] + fields[number % 2] + b"\n" + raw[start:]
        spared[never(facts(one), me)] += 1
    assert spared.keys() <= {guard.TO, guard.CC, guard.SEALED, guard.UNREADABLE, guard.WRITTEN}
    assert spared[guard.TO] + spared[guard.CC] > 1000


MARKS: list[list[pytest.MarkDecorator]] = [[pytest.mark.soak], [], []]
CASES = [
    pytest.param(address, rules, marks=marks)
    for address, rules, marks in zip(USERS, (GREEDY, GREEDY, {}), MARKS, strict=True)
]


@pytest.mark.parametrize(("address", "cleanup"), CASES)
def test_nothing_that_is_for_somebody_is_proposed(mailbox: Mailbox, address: str, cleanup: dict[str, Any]) -> None:
    user = USERS[address]
    config = configured(cleanup, email=address, **user)
    found, by_rule = scanned(mailbox.store, config, NOW + len(cleanup))
    for rule, listed in by_rule.items():
        for one in listed:
            message = mailbox.messages[one.message_id]
            assert not is_for(message, [address, *user["aliases"]]), (rule, one.message_id)
            assert came_by_list(message) or not calls(message, user["names"]), (rule, one.message_id)
    candidates = {one.message_id for listed in by_rule.values() for one in listed}
    right = candidates & mailbox.listed
    precision, recall = len(right) / len(candidates), len(right) / len(mailbox.listed)
    told = {rule: len(listed) for rule, listed in by_rule.items()}
    print(f"{address}: {told}, precision {precision:.3f}, recall {recall:.3f}")
    print(f"  spared of {found.looked_at}: {dict(found.protected.most_common())}")
    assert precision > 0.9
    assert recall > 0.7
