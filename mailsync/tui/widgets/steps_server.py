"""The steps from an address to its server: whose mail it is, what was found, and a server named by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.app import ComposeResult

from mailsync.errors import MailsyncError
from mailsync.tui.entrance import Found
from mailsync.tui.widgets.fields import Choices, Field, Picker
from mailsync.tui.widgets.prose import Prose
from mailsync.tui.widgets.step import Step

if TYPE_CHECKING:
    from mailsync.accounts.address import Address
    from mailsync.accounts.discover import Candidate

MOST = 4
"""Servers that are offered; the best ones stand first."""
ENCRYPTED = {"tls": "TLS", "starttls": "STARTTLS", "none": "not encrypted"}


class AddressStep(Step):
    """Whose mail it is. `address` is what was meant."""

    def __init__(self, stage: int) -> None:
        super().__init__(stage)
        self.address: Address | None = None
        self._field = Field("Mail address", hint="me@example.com")
        self._doubt = Choices()
        self._doubted: tuple[str, ...] = ()

    def compose(self) -> ComposeResult:
        yield Prose([("Whose mail is to be mirrored? From the address its server is found.", "plain")], classes="lead")
        yield self._field
        yield self._doubt
        yield Prose(
            [
                (
                    "Asked are the domain's DNS and web server, and for a domain that is no provider's own the public "
                    "autoconfig database, which learns the domain and never the address.",
                    "muted",
                )
            ],
            classes="foot",
        )

    def on_mount(self) -> None:
        self._doubt.display = False

    def begin(self) -> None:
        self._field.focus_entry()

    def check(self) -> None:
        from mailsync.accounts.address import parse

        doubting = self._doubt.display and self._doubt.has_focus
        written = self._doubted[self._doubt.cursor] if doubting else self._field.value
        self._doubt.display = False
        try:
            address = parse(written)
        except MailsyncError as error:
            self._field.complain(error)
            return
        if address.meant and not doubting:
            self._doubted = (address.meant, address.text)
            self._field.remark("! this looks like a slip of the hand. Which one is it?", "warning")
            self._doubt.offer([(f"{address.meant}", ""), (f"{address.text}, just as it is written", "")])
            self._doubt.display = True
            self._doubt.focus()
            return
        self._field.remark("" if written == address.text else f"✓ read as {address.text}")
        if address.text != self._field.value:
            self._field.value = address.text
        self.address = address
        super().check()

    def complain(self, error: MailsyncError) -> None:
        self._field.complain(error)


class ServerStep(Step):
    """What was found, the one that answers first. `chosen` is None when another one is to be named by hand."""

    def __init__(self, stage: int, address: Address, found: Found) -> None:
        super().__init__(stage)
        self._address = address
        self._found = found
        best = [found.answer.candidate] if found.answer is not None else []
        self.offered = [*best, *(one for one in found.candidates if one not in best)][:MOST]
        self._choices = Choices()
        self._remark = Prose(classes="remark")

    def compose(self) -> ComposeResult:
        yield Prose([(f"The server of {self._address.text}:", "plain")], classes="lead")
        yield self._choices
        yield self._remark

    def on_mount(self) -> None:
        by_hand = ("Another server", "name it by hand, as your provider tells it")
        foreign = self._foreign(0)
        self._choices.offer([*map(self._line, self.offered), by_hand], cursor=len(self.offered) if foreign else 0)
        self._warn()

    def _line(self, one: Candidate) -> tuple[str, str]:
        from mailsync.config.providers import PRESETS

        preset = PRESETS.get(one.provider)
        label = f"{preset.label} · " if preset is not None else ""
        answers = "✓ answers · " if self._found.answer is not None and self._found.answer.candidate == one else ""
        return f"{label}{one.where} · {ENCRYPTED[one.security]}", f"{answers}{one.source}"

    def _foreign(self, index: int) -> bool:
        return index < len(self.offered) and self.offered[index].foreign

    def _warn(self) -> None:
        if self._foreign(0):
            told = f"! {self.offered[0].host} is not below {self._address.domain}, and DNS alone names it."
            hint = "  Take it only if your provider says the same: your password goes there."
            self._remark.show([(told, "warning"), (hint, "plain")])

    @property
    def chosen(self) -> Candidate | None:
        return self.offered[self._choices.cursor] if self._choices.cursor < len(self.offered) else None

    def complain(self, error: MailsyncError) -> None:
        self._remark.show([(f"✕ {error}", "bad"), *([(f"  try: {error.hint}", "plain")] if error.hint else [])])


class HandStep(Step):
    """A server named by hand: host, port, encryption, who signs in, whose certificates it shows."""

    SECURITY = ("", "tls", "starttls", "none")

    def __init__(self, stage: int, address: Address, problem: MailsyncError | None = None) -> None:
        super().__init__(stage)
        self._problem = problem
        self._host = Field("Server", hint=f"imap.{address.domain}")
        self._port = Field("Port", hint="found: 993 or 143")
        self._picker = Picker("Encryption", ("find out", "TLS", "STARTTLS", "none"))
        self._user = Field("User name", hint=f"{address.text}, where it is another one")
        self._ca = Field("CA file", hint="only for certificates of an authority of your own")
        self.candidates: Sequence[Candidate] = ()

    def compose(self) -> ComposeResult:
        yield Prose([("The IMAP server, as your provider names it:", "plain")], classes="lead")
        yield self._host
        yield self._port
        yield self._picker
        yield self._user
        yield self._ca

    def on_mount(self) -> None:
        if self._problem is not None:
            self._host.complain(self._problem)

    def begin(self) -> None:
        self._host.focus_entry()

    @property
    def username(self) -> str:
        return self._user.value.strip()

    @property
    def ca_file(self) -> str:
        from pathlib import Path

        written = self._ca.value.strip()
        return str(Path(written).expanduser().absolute()) if written else ""

    def check(self) -> None:
        from pathlib import Path

        from mailsync.accounts import entered
        from mailsync.errors import UsageError

        for field in (self._host, self._port, self._ca):
            field.remark()
        port = self._port.value.strip()
        if port and not (port.isdecimal() and 0 < int(port) < 65536):
            self._port.complain(UsageError(f"{port} is no port", hint="a number, mostly 993; or leave it empty"))
            return
        if self.ca_file and not Path(self.ca_file).is_file():
            self._ca.complain(UsageError("there is no such file", hint="the path of a PEM file, or nothing"))
            return
        security = self.SECURITY[self._picker.picked]
        try:
            self.candidates = entered.hosts(self._host.value, port=int(port or 0), security=security)
        except MailsyncError as error:
            self._host.complain(error)
            return
        super().check()

    def complain(self, error: MailsyncError) -> None:
        from mailsync.errors import CertificateUntrusted

        (self._ca if isinstance(error, CertificateUntrusted) else self._host).complain(error)
