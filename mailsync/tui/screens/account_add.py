"""`account add` as a dialog: address, server, sign-in, permissions, done. Nothing is written before the last step."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from mailsync.errors import MailsyncError, SecretsUnavailable
from mailsync.privacy.consent import missing
from mailsync.tui.entrance import Added, Entrance, Found
from mailsync.tui.screens.login import LoginWizard
from mailsync.tui.widgets.prose import Told
from mailsync.tui.widgets.step import Step
from mailsync.tui.widgets.steps_consent import ConsentStep
from mailsync.tui.widgets.steps_server import ENCRYPTED, AddressStep, HandStep, ServerStep
from mailsync.tui.widgets.steps_signin import ApplicationStep, ChoiceStep, LoginStep, PasswordStep

if TYPE_CHECKING:
    from mailsync.accounts.address import Address
    from mailsync.accounts.discover import Candidate
    from mailsync.engine.probing import Answer, Welcome
    from mailsync.engine.setup import Draft
    from mailsync.privacy.secret import Password

STAGES = ("Address", "Server", "Sign-in", "Permissions", "Done")
ADDRESS, SERVER, SIGN_IN, PERMISSIONS, DONE = range(5)
KEPT = {
    "keyring": "Its password is in the keyring.",
    "file": "Its password is in a file that only you can read.",
    "tokens": "Its tokens are on this disk, and renewed from now on.",
}


class AddScreen(LoginWizard):
    """Adds one account, or several one after the other."""

    def __init__(self, entrance: Entrance, clock: Callable[[], float]) -> None:
        super().__init__(entrance, clock, "Add an account", STAGES)
        self._address: Address | None = None
        self._answer: Answer | None = None
        self._suggestion = ""
        self._given: dict[str, Any] = {}
        self._files = False
        self._draft: Draft | None = None
        self._password: Password | None = None
        self._has_tokens = False
        self._welcome: Welcome | None = None

    def start(self) -> None:
        self.push(AddressStep(ADDRESS))

    # -- the way through -------------------------------------------------------------------------------------------

    def on_step_done(self, message: Step.Done) -> None:
        step = message.step
        if step is not self.step or self.at_work:
            return
        match step:
            case AddressStep():
                self._find(step)
            case ServerStep():
                self._take(step)
            case HandStep():
                self._given = {"username": step.username, "tls_ca_file": step.ca_file}
                told = f"looking at {step.candidates[0].host}"
                self.do(told, partial(self._reach, step.candidates, step.ca_file), self._reached)
            case PasswordStep():
                self._try_password(step)
            case ApplicationStep():
                self._log_in(step)
            case ConsentStep():
                self._commit(step)
            case ChoiceStep() if step.stage == SIGN_IN:
                self._files = step.taken == 1
                self.pop()
                if self._files and self.step is not None:
                    self.step.check()
            case ChoiceStep() if step.taken == 0:
                self.leave()
            case ChoiceStep():
                self.replace(AddressStep(ADDRESS), all_of_them=True)

    def _find(self, step: AddressStep) -> None:
        address = self._address = step.address
        assert address is not None
        self._given = {}
        told = f"looking for the server of {address.domain}"
        self.do(told, partial(self.entrance.find, address), self._found)

    def _found(self, found: Found) -> None:
        assert self._address is not None
        if found.answer is None and not found.candidates:
            self.push(HandStep(SERVER, self._address, found.problem))
            return
        self._answer = found.answer
        step = ServerStep(SERVER, self._address, found)
        self.push(step)
        if found.problem is not None:
            self.call_after_refresh(step.complain, found.problem)

    def _take(self, step: ServerStep) -> None:
        assert self._address is not None
        chosen = step.chosen
        if chosen is None:
            self.push(HandStep(SERVER, self._address))
            return
        self._given = {}
        known = self._answer if self._answer is not None and self._answer.candidate == chosen else None
        told = f"looking at {chosen.host}" if known is None else ""
        self.do(told, partial(self._reach, [chosen], "", known), self._reached)

    def _reach(
        self, candidates: Sequence[Candidate], ca_file: str = "", known: Answer | None = None
    ) -> tuple[Answer, str]:
        assert self._address is not None
        answer = known or self.entrance.reach(candidates, ca_file)
        return answer, self.entrance.suggest(self._address, answer.candidate.provider)

    def _reached(self, result: tuple[Answer, str]) -> None:
        self._answer, self._suggestion = result
        answer = self._answer
        tokens_only = answer.takes_token and not answer.takes_password
        oauth = tokens_only or answer.candidate.auth == "oauth2"
        self.push(self._application() if oauth else self._password_step())

    # -- signing in -----------------------------------------------------------------------------------------------

    def _lead(self, instruction: str) -> Told:
        from mailsync.config.providers import PRESETS

        assert self._answer is not None
        one = self._answer.candidate
        preset = PRESETS.get(one.provider)
        label = f"{preset.label} · " if preset is not None else ""
        lead = [(f"{label}{one.where} · {ENCRYPTED[one.security]}", "strong")]
        return [*lead, (instruction, "plain")] if instruction else lead

    def _password_step(self) -> PasswordStep:
        from mailsync.config.providers import OAUTH_PROVIDERS, PRESETS

        assert self._answer is not None
        assert self._address is not None
        one = self._answer.candidate
        preset = PRESETS.get(one.provider)
        usual = self._address.local if preset is not None and preset.local_part else self._address.text
        return PasswordStep(
            SIGN_IN,
            self._lead(preset.steps if preset is not None else ""),
            name=self._suggestion,
            username=self._given.get("username") or one.username or usual,
            provider=one.provider,
            other=self._answer.takes_token or one.provider in OAUTH_PROVIDERS,
        )

    def _application(self) -> ApplicationStep:
        from mailsync.config.providers import OAUTH_PROVIDERS, PRESETS

        assert self._answer is not None
        one = self._answer.candidate
        preset = PRESETS.get(one.provider)
        return ApplicationStep(
            SIGN_IN,
            self._lead("Sign-in by OAuth2: mailsync comes as an application that is registered at the provider."),
            name=self._suggestion,
            issuer=one.provider not in OAUTH_PROVIDERS,
            secret=one.provider in ("gmail", "imap"),
            other=self._answer.takes_password and (preset is None or preset.password),
        )

    def on_other_way(self) -> None:
        if isinstance(self.step, PasswordStep):
            self.replace(self._application())
        elif isinstance(self.step, ApplicationStep):
            self.replace(self._password_step())

    def _drafted(self, name: str, **given: Any) -> Draft:
        assert self._address is not None
        assert self._answer is not None
        made = self.entrance.draft(name, self._address, self._answer.candidate, self._given | given, files=self._files)
        self._draft = made
        return made

    def _try_password(self, step: PasswordStep) -> None:
        password, username, name = step.password, step.username, step.account_name
        assert password is not None
        self._password = password

        def work() -> Welcome:
            made = self._drafted(name, auth="password", username=username)
            return self.entrance.try_password(made, password)

        assert self._answer is not None
        self.do(f"signing in to {self._answer.candidate.host}", work, self._let_in, failed=self._refused)

    def _log_in(self, step: ApplicationStep) -> None:
        name, oauth = step.account_name, step.oauth
        self._password = None

        def ready(made: Draft) -> None:
            login = LoginStep(SIGN_IN)
            self.push(login)
            tried = partial(self.entrance.try_token, made)
            self.call_after_refresh(self.log_in, made, login, tried, self._logged_in, undo=True, failed=self._refused)

        self.do("", partial(self._drafted, name, auth="oauth2", oauth=oauth), ready)

    def _logged_in(self, welcome: Welcome) -> None:
        self._has_tokens = True
        self.pop()  # back from the permissions leads to the application, not into another sign-in
        self._let_in(welcome)

    def _refused(self, error: MailsyncError) -> None:
        if isinstance(error, SecretsUnavailable) and not self._files:
            if isinstance(self.step, LoginStep):
                self.pop()
            self.push(self.no_place(SIGN_IN, error))
        elif self.step is not None:
            self.step.complain(error)

    def _let_in(self, welcome: Welcome) -> None:
        assert self._draft is not None
        self._welcome = welcome
        self.push(ConsentStep(PERMISSIONS, self._draft.name))

    # -- the end --------------------------------------------------------------------------------------------------

    def _commit(self, step: ConsentStep) -> None:
        made, scopes = self._draft, step.scopes
        assert made is not None
        work = partial(self.entrance.commit, made, self._password, scopes)
        self.do("writing the account", work, partial(self._added, scopes), lasting=True)

    def _added(self, scopes: list[str], added: Added) -> None:
        assert self._welcome is not None
        self._password, self._has_tokens = None, False
        self.outcome = added.accounts
        folders = "1 folder" if self._welcome.folders == 1 else f"{self._welcome.folders} folders"
        told: list[tuple[str, str]] = [
            (f"✓ {added.name} is added.", "good"),
            (f"  {self._welcome.server}, {folders}. {KEPT.get(added.secret, '')}", "muted"),
        ]
        if added.problem is not None:
            told += [(f"! {added.problem}", "warning"), (f"  try: {added.problem.hint}", "plain")]
        elif missing(scopes):
            told.append(("! It is not mirrored before you allow that: Permissions, in the commands (^p).", "warning"))
        elif added.told:
            told.append(("  The first sync has begun. The newest mail comes first.", "plain"))
        else:
            told.append(("  It is mirrored as soon as an engine runs: start mailsync again.", "plain"))
        options = [("To the dashboard", ""), ("Add another account", "")]
        self._files = False
        self.replace(ChoiceStep(DONE, told, options), all_of_them=True)

    def left(self, step: Step) -> None:
        if step.stage == PERMISSIONS:
            self._forget()

    def on_unmount(self) -> None:
        self._forget()

    def _forget(self) -> None:
        """Leave no token of an account that was not made."""
        made = self._draft
        if self._has_tokens and made is not None:
            self._has_tokens = False
            threading.Thread(target=self.entrance.forget, args=(made,), name="dialog").start()
