"""Dialogs in which somebody may have to sign in at an OAuth2 provider."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from mailsync.errors import Interrupted, MailsyncError, SecretsUnavailable, SignInFailed
from mailsync.tui.entrance import Entrance, Known
from mailsync.tui.screens.wizard import Wizard
from mailsync.tui.widgets.steps_signin import ChoiceStep, LoginStep

if TYPE_CHECKING:
    from mailsync.accounts.oauth.login import Login
    from mailsync.engine.setup import Draft


class Attempt:
    """One sign-in at a provider, on its way in a thread. There `afterwards` is done when it worked, and `refused` when
    it did not. With `undo` no token stays of one that came to nothing after all."""

    def __init__(
        self,
        entrance: Entrance,
        one: Draft | Known,
        prompt: LoginStep,
        afterwards: Callable[[], Any],
        refused: Callable[[SignInFailed], object],
        undo: bool,
    ) -> None:
        self._entrance = entrance
        self._one = one
        self._prompt = prompt
        self._device_code = prompt.device_code
        self._afterwards = afterwards
        self._refused = refused
        self._undo = undo
        self._lock = threading.Lock()
        self._login: Login | None = None
        self._cancelled = False

    def run(self) -> Any:
        """Sign in; Interrupted when that was given up meanwhile."""
        login = self._entrance.login(self._one, self._prompt, device_code=self._device_code)
        with self._lock:
            self._login = login
            if self._cancelled:
                login.cancel()
        try:
            login.run()
        except SignInFailed as error:
            if not isinstance(error, SecretsUnavailable):
                self._refused(error)
            raise
        try:
            result = self._afterwards()
        except MailsyncError:
            self._forget()
            raise
        if self._cancelled:
            self._forget()
            raise Interrupted("the sign-in was cancelled")
        return result

    def _forget(self) -> None:
        if self._undo:
            self._entrance.forget(self._one)

    def paste(self, text: str) -> None:
        with self._lock:
            if self._login is not None:
                self._login.paste(text)

    def cancel(self) -> None:
        with self._lock:
            self._cancelled = True
            if self._login is not None:
                self._login.cancel()


class LoginWizard(Wizard):
    """A dialog with a `LoginStep` in it, or a place for secrets to choose."""

    _attempt: Attempt | None = None

    def log_in(
        self,
        one: Draft | Known,
        step: LoginStep,
        afterwards: Callable[[], Any],
        then: Callable[[Any], object],
        *,
        undo: bool,
        refused: Callable[[SignInFailed], object] = lambda error: None,
        failed: Callable[[MailsyncError], object] | None = None,
    ) -> None:
        """Have the person sign in at the provider, in `step`, which is seen."""

        def begin() -> None:
            step.start_again()
            attempt = self._attempt = Attempt(self.entrance, one, step, afterwards, refused, undo)
            told = "waiting for the sign-in at the provider"
            self.do(told, attempt.run, then, give_up=attempt.cancel, failed=failed)

        self._begin = begin
        begin()

    def on_login_step_pasted(self) -> None:
        step = self.step
        if not isinstance(step, LoginStep):
            return
        if not self.at_work:
            self._begin()
        elif self._attempt is not None and step.pasted.strip():
            self._attempt.paste(step.pasted)

    def on_other_way(self) -> None:
        if isinstance(self.step, LoginStep):
            self.give_up()
            self._begin()

    def no_place(self, stage: int, error: SecretsUnavailable) -> ChoiceStep:
        """The step for whoever has no keyring that works."""
        folder = self.entrance.secrets_folder
        return ChoiceStep(
            stage,
            [(f"✕ {error}", "bad"), (f"  try: {error.hint}", "plain"), ("", "plain"), ("Instead:", "plain")],
            [
                ("Go back", "nothing is kept"),
                ("Keep secrets in files that only you can read", f"not encrypted, in {folder}"),
            ],
        )
