"""How the clean-up pane looks: see tests/tui/test_snapshots.py."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mailsync.privacy import readonly
from mailsync.privacy.consent import MAILBOX_MODIFY
from mailsync.store import consents
from tests.tui import cleanup_samples, samples
from tests.tui.prepared import NOW, Builder
from tests.tui.test_snapshots import Compare, pressing, sizes


@sizes((60, 20))
def test_proposals(builder: Builder, snap_compare: Compare, size: tuple[int, int]) -> None:
    cleanup_samples.proposed(builder)
    keys = ("5", "tab", "j", "x", "enter", "j", "j")
    assert snap_compare(samples.app(builder), terminal_size=size, run_before=pressing(*keys))


@sizes()
def test_every_state(builder: Builder, snap_compare: Compare, size: tuple[int, int]) -> None:
    cleanup_samples.every_state(builder)
    assert snap_compare(samples.app(builder), terminal_size=size, run_before=pressing("5"))


def test_what_became_of_each(builder: Builder, snap_compare: Compare) -> None:
    cleanup_samples.every_state(builder)
    keys = ("5", *"jjjj", "tab", "enter", *"jjjj")
    assert snap_compare(samples.app(builder), terminal_size=(140, 36), run_before=pressing(*keys))


def test_interrupted(builder: Builder, snap_compare: Compare) -> None:
    cleanup_samples.every_state(builder)
    assert snap_compare(samples.app(builder), terminal_size=(80, 24), run_before=pressing("5", "j"))


def test_a_sample(builder: Builder, snap_compare: Compare) -> None:
    cleanup_samples.proposed(builder)
    assert snap_compare(samples.app(builder), terminal_size=(140, 36), run_before=pressing("5", "tab", "v", "j"))


@sizes()
def test_nothing_is_proposed(builder: Builder, snap_compare: Compare, size: tuple[int, int]) -> None:
    samples.quiet(builder)
    assert snap_compare(samples.app(builder), terminal_size=size, run_before=pressing("5"))


@pytest.mark.parametrize("size", [(100, 30), (60, 20)], ids=["roomy", "tiny"])
def test_approval(builder: Builder, snap_compare: Compare, size: tuple[int, int]) -> None:
    cleanup_samples.proposed(builder)
    assert snap_compare(samples.app(builder), terminal_size=size, run_before=pressing("5", "a"))


def test_approval_that_is_typed(builder: Builder, snap_compare: Compare) -> None:
    inbox = cleanup_samples.mirrored(builder)
    cleanup_samples.propose(
        builder, inbox, "%o%", "All of them", ["expunge"], rule="selection", query="from:o older:1y"
    )
    keys = ("5", "a", "tab", "enter", *"EXPUNGE 7", "enter")
    assert snap_compare(samples.app(builder), terminal_size=(100, 30), run_before=pressing(*keys))


def test_undo(builder: Builder, snap_compare: Compare) -> None:
    cleanup_samples.every_state(builder)
    assert snap_compare(samples.app(builder), terminal_size=(100, 30), run_before=pressing("5", *"jjjj", "u"))


def test_reading_one_of_them(builder: Builder, snap_compare: Compare) -> None:
    cleanup_samples.proposed(builder)
    keys = ("5", "tab", "v", "j", "enter")
    assert snap_compare(samples.app(builder), terminal_size=(140, 36), run_before=pressing(*keys))


def test_without_consent(builder: Builder, snap_compare: Compare) -> None:
    cleanup_samples.proposed(builder)
    builder.store.write(lambda c: consents.revoke(c, "home", [MAILBOX_MODIFY], NOW)).result()
    assert snap_compare(samples.app(builder), terminal_size=(80, 24), run_before=pressing("5"))


@pytest.fixture
def read_only() -> Iterator[None]:
    readonly.forbid(True)
    yield
    readonly.forbid(False)


def test_read_only(builder: Builder, snap_compare: Compare, read_only: None) -> None:
    cleanup_samples.proposed(builder)
    assert snap_compare(samples.app(builder), terminal_size=(80, 24), run_before=pressing("5"))


@pytest.mark.parametrize("size", [(100, 30), (60, 20)], ids=["roomy", "tiny"])
def test_proposing_what_is_marked(builder: Builder, snap_compare: Compare, size: tuple[int, int]) -> None:
    samples.quiet(builder)
    keys = ("2", "space", "j", "space", "d", "right")
    assert snap_compare(samples.app(builder), terminal_size=size, run_before=pressing(*keys))


def test_marks(builder: Builder, snap_compare: Compare) -> None:
    samples.quiet(builder)
    keys = ("2", "space", "j", "space")
    assert snap_compare(samples.app(builder), terminal_size=(100, 30), run_before=pressing(*keys))
