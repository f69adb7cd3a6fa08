"""The steps of a sign-in: a password, an application at a provider, the provider's own page, and where secrets go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message

from mailsync.errors import MailsyncError, UsageError
from mailsync.tui.widgets.fields import Choices, Field
from mailsync.tui.widgets.prose import Prose, Told
from mailsync.tui.widgets.step import Step

if TYPE_CHECKING:
    from mailsync.privacy.secret import Password


class OtherWay(Message):
    """The person wants to sign in the other way: OAuth2 and not a password, a code and not a browser, or back."""


class SignInStep(Step):
    """Base of the steps that ask who signs in. `name` is None where the account has its name already."""

    BINDING_GROUP_TITLE = "Sign-in"

    def __init__(self, stage: int, lead: Told, *, name: str | None, other: bool) -> None:
        super().__init__(stage)
        self._lead = Prose(lead, classes="lead")
        self._asks_name = name is not None
        self._name_field = Field("Account name", name or "")
        self._other = other

    @property
    def account_name(self) -> str:
        return self._name_field.value.strip()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return self._other if action == "other" else True

    def action_other(self) -> None:
        self.post_message(OtherWay())


class PasswordStep(SignInStep):
    """User name and password. `password` is what was meant, None before."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+t", "other", "OAuth2 instead", id="sign_in.oauth", tooltip="Sign in at the provider, by OAuth2"),
    ]

    def __init__(
        self, stage: int, lead: Told, *, name: str | None, username: str, provider: str, other: bool = False
    ) -> None:
        super().__init__(stage, lead, name=name, other=other)
        self._user = Field("User name", username)
        self._secret = Field("Password", secret=True)
        self._provider = provider
        self.password: Password | None = None

    def compose(self) -> ComposeResult:
        yield self._lead
        if self._asks_name:
            yield self._name_field
            yield self._user
        yield self._secret

    def begin(self) -> None:
        self._secret.focus_entry()

    @property
    def username(self) -> str:
        return self._user.value.strip()

    def check(self) -> None:
        from mailsync.accounts import entered
        from mailsync.privacy.secret import Password

        self._name_field.remark()
        meant, told = entered.password(self._secret.value, self._provider)
        if not meant:
            self._secret.complain(UsageError(told))
            return
        self._secret.remark(f"✓ {told}" if told else "")
        self.password = Password(meant)
        super().check()

    def complain(self, error: MailsyncError) -> None:
        (self._name_field if isinstance(error, UsageError) and self._asks_name else self._secret).complain(error)


class ApplicationStep(SignInStep):
    """The application at an OAuth2 provider that mailsync signs in as."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+t", "other", "Password instead", id="sign_in.password", tooltip="Sign in with a password"),
    ]

    def __init__(self, stage: int, lead: Told, *, name: str, issuer: bool, secret: bool, other: bool) -> None:
        super().__init__(stage, lead, name=name, other=other)
        self._issuer = Field("Provider", hint="https://login.example.com, an OpenID issuer") if issuer else None
        self._client = Field("Client id", hint="of your application at the provider")
        self._command = Field("Secret command", hint="prints its secret, if it has one") if secret else None

    def compose(self) -> ComposeResult:
        yield self._lead
        yield self._name_field
        if self._issuer is not None:
            yield self._issuer
        yield self._client
        if self._command is not None:
            yield self._command

    def begin(self) -> None:
        (self._issuer or self._client).focus_entry()

    @property
    def oauth(self) -> dict[str, object]:
        """The table `[accounts.NAME.oauth]`."""
        import shlex

        return {
            "client_id": self._client.value.strip(),
            "client_secret_command": shlex.split(self._command.value) if self._command is not None else [],
            "issuer": self._issuer.value.strip() if self._issuer is not None else "",
        }

    def check(self) -> None:
        for field in (self._name_field, self._client, *filter(None, (self._issuer, self._command))):
            field.remark()
        if self._issuer is not None and not self._issuer.value.strip():
            self._issuer.complain(UsageError("there is none", hint="the https address of the OpenID provider"))
        elif not self._client.value.strip():
            self._client.complain(
                UsageError("there is none", hint="register an application at the provider: its id stands there")
            )
        elif self._command is not None and self._command.value.count('"') % 2 + self._command.value.count("'") % 2:
            self._command.complain(UsageError("a quotation mark is open"))
        else:
            super().check()

    def complain(self, error: MailsyncError) -> None:
        text = str(error)
        if self._issuer is not None and "issuer" in text:
            self._issuer.complain(error)
        elif isinstance(error, UsageError) and "client" not in text:
            self._name_field.complain(error)
        else:
            self._client.complain(error)


class LoginStep(Step, can_focus=True):
    """The provider's page: its address, a line for the one where the browser ended, or a code for another device."""

    BINDING_GROUP_TITLE = "Sign-in"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+y", "copy_address", "Copy address", id="login.copy", tooltip="Copy the address of the page"),
        Binding("ctrl+t", "other", "Code or browser", id="login.other", tooltip="A code for another device, or back"),
    ]

    stays = False

    class Pasted(Message):
        """Something was put into the line; the step knows what."""

    class Said(Message):
        """What the sign-in says, from its thread: paragraphs, an address to copy, and where it leads."""

        def __init__(self, told: Told, address: str = "", remark: str = "") -> None:
            super().__init__()
            self.told, self.address, self.remark = told, address, remark

    def __init__(self, stage: int) -> None:
        super().__init__(stage)
        self.device_code = False
        self.address = ""
        self._told = Prose(classes="lead")
        self._field = Field("Paste it here", hint="http://127.0.0.1:…")
        self._remark = Prose(classes="remark")

    def compose(self) -> ComposeResult:
        yield self._told
        yield self._field
        yield self._remark

    def begin(self) -> None:
        self.start_again()

    def start_again(self) -> None:
        """Nothing is known yet of the sign-in that begins now."""
        self.address = ""
        self._remark.show([])
        self._field.remark()
        self._field.display = not self.device_code
        self._told.show([("Asking the provider for its sign-in page …", "muted")])
        if self.device_code:
            self.focus()
        else:
            self._field.focus_entry()
        self.screen.refresh_bindings()

    @property
    def pasted(self) -> str:
        return self._field.value

    # -- the Prompt of accounts.oauth.login; called from the thread of the sign-in ---------------------------------

    def visit(self, url: str, opened: bool) -> None:
        told = "Sign in with your browser. If none has opened, go to" if opened else "Open this address in a browser:"
        after = "Opened on another machine, it ends at an address that cannot be shown, http://127.0.0.1:… Paste that:"
        gap = ("", "plain")
        self.post_message(self.Said([(told, "strong"), gap, (url, "accent"), gap, (after, "muted")], url))

    def code(self, user_code: str, url: str, seconds: float) -> None:
        minutes = max(int(seconds // 60), 1)
        gap = ("", "plain")
        told = [("On any device with a browser, go to", "plain"), gap, (f"  {url}", "accent"), gap]
        told += [(f"and within {minutes} min enter the code", "plain"), gap, (f"  {user_code}", "key")]
        self.post_message(self.Said(told, url))

    def note(self, text: str) -> None:
        self.post_message(self.Said([], remark=text))

    def on_login_step_said(self, message: Said) -> None:
        if message.remark:
            self._field.remark(f"! {message.remark}", "warning")
            return
        self.address = message.address
        self._told.show(message.told)
        self.screen.refresh_bindings()

    # -- keys -----------------------------------------------------------------------------------------------------

    def check(self) -> None:
        self._field.remark()
        self.post_message(self.Pasted())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return bool(self.address) or None if action == "copy_address" else True

    def action_copy_address(self) -> None:
        self.app.copy_to_clipboard(self.address)
        self._remark.show([("✓ copied, if this terminal lets programs copy", "good")])

    def action_other(self) -> None:
        self.device_code = not self.device_code
        self.post_message(OtherWay())

    def complain(self, error: MailsyncError) -> None:
        hint = [(f"  try: {error.hint}", "plain")] if error.hint else []
        again = ("  enter tries again, ctrl+t another way, esc goes back", "muted")
        self._field.display = True
        self._told.show([(f"✕ {error}", "bad"), *hint, again])
        self.address = ""
        self._field.focus_entry()
        self.screen.refresh_bindings()


class ChoiceStep(Step):
    """Something to read, and one of several ways to go on; `taken` counts them."""

    def __init__(self, stage: int, lead: Told, options: Sequence[tuple[str, str]], cursor: int = 0) -> None:
        super().__init__(stage)
        self._lead = Prose(lead, classes="lead")
        self._choices = Choices(options)
        self._options = options
        self._cursor = cursor
        self._remark = Prose(classes="remark")

    def compose(self) -> ComposeResult:
        yield self._lead
        yield self._choices
        yield self._remark

    def on_mount(self) -> None:
        self._choices.offer(self._options, self._cursor)

    @property
    def taken(self) -> int:
        return self._choices.cursor

    @property
    def text(self) -> str:
        """What it tells."""
        return self._lead.text

    def complain(self, error: MailsyncError) -> None:
        self._remark.show([(f"✕ {error}", "bad"), *([(f"  try: {error.hint}", "plain")] if error.hint else [])])
