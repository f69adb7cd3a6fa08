"""What an account may do, scope by scope in plain words."""

from __future__ import annotations

from collections.abc import Collection

from textual.app import ComposeResult

from mailsync.errors import MailsyncError
from mailsync.privacy.consent import MAILBOX_MODIFY, REQUIRED, SCOPES, missing
from mailsync.tui.widgets.fields import Checks
from mailsync.tui.widgets.prose import Prose
from mailsync.tui.widgets.step import Step

PROPOSED = frozenset(SCOPES) - {MAILBOX_MODIFY}
"""What is ticked before anybody has said anything."""


class ConsentStep(Step):
    """`scopes` is what the person allows."""

    def __init__(self, stage: int, name: str, ticked: Collection[str] = PROPOSED) -> None:
        super().__init__(stage)
        self._order = list(SCOPES)
        self._checks = Checks(
            [_words(scope) for scope in self._order],
            [number for number, scope in enumerate(self._order) if scope in ticked],
        )
        self._lead = Prose([(f"May mailsync, with the account {name},", "plain")], classes="lead")
        self._remark = Prose(classes="remark")

    def compose(self) -> ComposeResult:
        yield self._lead
        yield self._checks
        yield self._remark

    def on_mount(self) -> None:
        self._tell()

    @property
    def scopes(self) -> list[str]:
        return [scope for number, scope in enumerate(self._order) if number in self._checks.ticked]

    def on_checks_changed(self, message: Checks.Changed) -> None:
        message.stop()
        self._tell()

    def _tell(self) -> None:
        if missing(self.scopes):
            self._remark.show([("! Nothing is mirrored until both needed boxes are ticked, now or later.", "warning")])
        else:
            self._remark.show([("Every box can be cleared again: Permissions, in the commands (^p).", "muted")])

    def complain(self, error: MailsyncError) -> None:
        self._remark.show([(f"✕ {error}", "bad"), *([(f"  try: {error.hint}", "plain")] if error.hint else [])])


def _words(scope: str) -> tuple[str, str]:
    """What a scope allows, and what else there is to know of it."""
    what, _, more = SCOPES[scope].partition(", ")
    needed = "needed: without it nothing is mirrored" if scope in REQUIRED else ""
    return what, " · ".join(filter(None, (needed, more, scope)))
