"""The first half of `mailsync account add`: whose mail it is, and where it is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mailsync.cli import terminal
from mailsync.cli.output import note
from mailsync.cli.wishes import Wishes, missing
from mailsync.errors import MailsyncError, Unreachable, UsageError
from mailsync.record import replace

if TYPE_CHECKING:
    from mailsync.accounts.address import Address
    from mailsync.accounts.discover import Candidate
    from mailsync.engine.probing import Answer


class Finding:
    """Asks, where `asks` says that somebody can answer; else says which flag is missing."""

    def __init__(self, wishes: Wishes, asks: bool) -> None:
        self._wishes = wishes
        self._asks = asks

    def address(self) -> Address:
        """The address that was meant."""
        from mailsync.accounts.address import parse

        wishes = self._wishes
        if wishes.email:
            address = parse(wishes.email)
        elif self._asks:
            address = terminal.ask_until("Your mail address", parse)
        else:
            raise missing("--email", "the address of the account")
        if address.meant and not (wishes.host or wishes.provider):
            if not self._asks:
                raise UsageError(
                    f"{address.text}: did you mean {address.meant}?",
                    hint="give that, or --host for a server that really is there",
                )
            if terminal.confirm(f"  {address.text}: did you mean {address.meant}?", default=True):
                return parse(address.meant)
        if address.tidied:
            note(f"  read as {address.text}")
        return address

    def server(self, address: Address) -> tuple[Candidate, Answer | None]:
        """Where the mail is, and what answers there; None where nobody looked."""
        from mailsync.config.checks import is_loopback
        from mailsync.config.providers import PRESETS
        from mailsync.engine import probing

        candidates = self._candidates(address)
        while True:
            found, answer = candidates[0], None
            try:
                if not self._wishes.no_check:
                    answer = probing.reach(candidates, self._wishes.tls_ca_file)
                    found = answer.candidate
            except MailsyncError as error:
                named = bool(self._wishes.host or self._wishes.provider) or candidates[0].provider != "imap"
                if not self._asks or named:
                    if isinstance(error, Unreachable) and not named:
                        raise missing("--host", f"no server was found for {address.domain}") from error
                    preset = PRESETS.get(candidates[0].provider)
                    if preset is not None and is_loopback(preset.host):
                        error.hint = preset.steps
                    raise
                terminal.complain(error)
            else:
                if not found.foreign or self._confirmed(found, address):
                    self._explain(found, answer)
                    return found, answer
            candidates = terminal.ask_until("The IMAP server, as your provider names it", self._hosts)

    def _confirmed(self, found: Candidate, address: Address) -> bool:
        told = f"{found.host} is not below {address.domain}, and DNS alone names it"
        if not self._asks:
            raise UsageError(told, hint=f"if your provider says the same, give --host {found.host}")
        return terminal.confirm(f"  {told}. Is it the server your provider names?", default=False)

    def _candidates(self, address: Address) -> list[Candidate]:
        from mailsync.accounts.discover import of_preset
        from mailsync.config.providers import named
        from mailsync.engine import setup

        wishes = self._wishes
        if wishes.host:
            return self._hosts(wishes.host)
        if (provider := named(wishes.provider)) is not None:
            found = of_preset(provider, address, "as you said")
            return [replace(found, port=wishes.port or found.port, security=wishes.security or found.security)]
        if wishes.no_check:
            candidates = setup.find(address)
            if candidates[0].source.endswith(" answers"):
                raise missing("--host", "with --no-check nobody looks for the server")
            return candidates
        note(f"  looking for the server of {address.domain} ...")
        return setup.find(address)

    def _hosts(self, written: str) -> list[Candidate]:
        """What is tried at a host that was named."""
        from mailsync.accounts import entered

        wishes = self._wishes
        return entered.hosts(written, port=wishes.port, security=wishes.security, provider=wishes.provider)

    def _explain(self, found: Candidate, answer: Answer | None) -> None:
        from mailsync.config.providers import PRESETS

        encrypted = {"tls": "TLS", "starttls": "STARTTLS", "none": "not encrypted"}[found.security]
        preset = PRESETS.get(found.provider)
        label = f"{preset.label}, " if preset is not None else ""
        note(f"  found: {label}{found.host}:{found.port}, {encrypted} ({found.source})")
        if preset is not None and preset.steps and self._asks and not self._wishes.password_command:
            note(f"  {preset.steps}")
        if answer is not None and not answer.takes_password and not answer.takes_token:
            note("  this server announces no way to sign in that mailsync knows")
