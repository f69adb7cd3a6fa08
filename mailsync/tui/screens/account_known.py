"""Dialogs about an account that is there: sign in again, say what it may do, remove it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from mailsync.errors import MailsyncError
from mailsync.tui.entrance import Entrance, Known, Listed
from mailsync.tui.screens.login import LoginWizard
from mailsync.tui.screens.wizard import Wizard
from mailsync.tui.widgets.step import Step
from mailsync.tui.widgets.steps_consent import PROPOSED, ConsentStep
from mailsync.tui.widgets.steps_signin import ChoiceStep, LoginStep, PasswordStep

ELSEWHERE = {
    "password_command": "Its password comes from password_command in config.toml. Put that right, then try again.",
    "oauth_command": "Its tokens come from oauth_command in config.toml. Put that right, then try again.",
    "environment": "Its password comes from the environment of mailsync. Start mailsync with the right one.",
    "systemd": "Its password is a credential of systemd. Set the right one and start mailsync again.",
}
"""Where a secret comes from that is not mailsync's to change."""


class SignInScreen(LoginWizard):
    """A new password or a new sign-in at the provider for an account that needs one."""

    def __init__(self, entrance: Entrance, clock: Callable[[], float], name: str) -> None:
        super().__init__(entrance, clock, f"Sign in again: {name}", ("Sign-in",))
        self._account = name
        self._known: Known | None = None

    def start(self) -> None:
        self.do(
            "reading the configuration", partial(self.entrance.known, self._account), self._begin_with, failed=self._no
        )

    def _no(self, error: MailsyncError) -> None:
        told = [(f"✕ {error}", "bad"), (f"  try: {error.hint}", "plain")]
        self.push(ChoiceStep(0, told, [("Close", "")]))

    def _begin_with(self, known: Known) -> None:
        from mailsync.config.providers import PRESETS

        self._known = known
        account = known.account
        lead = [(f"{account.email or account.username} · {account.host}", "strong")]
        if known.source in ELSEWHERE:
            lead.append((ELSEWHERE[known.source], "plain"))
            self.push(ChoiceStep(0, lead, [("Try again", "the engine signs in anew"), ("Close", "")]))
        elif account.auth == "oauth2":
            step = LoginStep(0)
            self.push(step)
            done = partial(self.entrance.signed_in, known)
            refused = partial(self.entrance.refused, known)
            self.call_after_refresh(self.log_in, known, step, done, lambda _: self.leave(), undo=False, refused=refused)
        else:
            preset = PRESETS.get(account.provider)
            if preset is not None and preset.hint:
                lead.append((preset.hint, "plain"))
            provider = account.provider
            self.push(PasswordStep(0, lead, name=None, username=account.username, provider=provider))

    def on_step_done(self, message: Step.Done) -> None:
        step, known = message.step, self._known
        if step is not self.step or self.at_work:
            return
        if isinstance(step, PasswordStep) and known is not None and step.password is not None:
            work = partial(self.entrance.new_password, known, step.password)
            self.do(f"signing in to {known.account.host}", work, lambda _: self.leave())
        elif isinstance(step, ChoiceStep) and known is not None and step.taken == 0:
            self.do("", partial(self.entrance.retry, known.name), lambda _: self.leave())
        else:
            self.leave()


class PermissionsScreen(Wizard):
    """What an account may do, to allow and to take back."""

    def __init__(self, entrance: Entrance, clock: Callable[[], float], name: str) -> None:
        super().__init__(entrance, clock, f"Permissions: {name}", ("Permissions",))
        self._account = name

    def start(self) -> None:
        self.do("reading what is allowed", partial(self.entrance.granted, self._account), self._ask)

    def _ask(self, granted: frozenset[str]) -> None:
        self.push(ConsentStep(0, self._account, granted or PROPOSED))

    def on_step_done(self, message: Step.Done) -> None:
        step = message.step
        if isinstance(step, ConsentStep) and not self.at_work:
            work = partial(self.entrance.allow, self._account, step.scopes)
            self.do("writing it down", work, lambda _: self.leave(), lasting=True)


class RemoveScreen(Wizard):
    """Takes an account away, with or without what is mirrored of it."""

    def __init__(self, entrance: Entrance, clock: Callable[[], float], name: str) -> None:
        super().__init__(entrance, clock, f"Remove the account {name}", ("Remove",))
        self._account = name

    def start(self) -> None:
        told = [
            (f"{self._account} leaves config.toml, with its password or tokens and all it was allowed.", "plain"),
            ("The server keeps its mail.", "plain"),
        ]
        options = [
            ("Leave it as it is", "nothing is removed"),
            ("Remove it, keep its mail here", "what is mirrored stays on this disk"),
            ("Remove it and its mail here", "what is mirrored is removed from this disk: that cannot be undone"),
        ]
        self.push(ChoiceStep(0, told, options))

    def on_step_done(self, message: Step.Done) -> None:
        step = message.step
        if not isinstance(step, ChoiceStep) or self.at_work:
            return
        if step.taken == 0:
            self.leave()
        else:
            work = partial(self.entrance.remove, self._account, purge=step.taken == 2)
            self.do(f"removing {self._account}", work, self._removed, lasting=True)

    def _removed(self, accounts: Listed) -> None:
        self.outcome = accounts
        self.leave()
