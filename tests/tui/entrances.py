"""A way in for accounts without any network: servers, providers and keyrings as a test wants them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mailsync.accounts.address import Address
from mailsync.accounts.discover import Candidate, guesses, of_preset
from mailsync.accounts.oauth.login import Prompt, Signed
from mailsync.accounts.vault import Vault
from mailsync.config.providers import of_domain
from mailsync.engine.probing import Answer, Welcome
from mailsync.engine.setup import Draft
from mailsync.errors import Interrupted, MailsyncError, SignInFailed, Unreachable
from mailsync.privacy.secret import Bearer, Credential, Password
from mailsync.store.database import Store
from mailsync.tui.entrance import Added, Entrance, Found, Known
from tests.tui.prepared import NOW

PASSWORD = "hunter2-and-more"
URL = (
    "https://accounts.example.com/o/oauth2/v2/auth?response_type=code&client_id=1234567890-abcdef.apps.example.com&"
    "redirect_uri=http%3A%2F%2F127.0.0.1%3A41234%2FnQ3xv8&scope=https%3A%2F%2Fmail.example.com%2F+openid+email&"
    "state=pS7m2xXl0dDFl1C3&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
)
DNS = "the DNS of example.org names it (SRV)"


@dataclass
class World:
    """What the network would say, and what was done."""

    servers: dict[str, list[Candidate]] = field(default_factory=dict)
    answering: set[str] = field(default_factory=set)
    capabilities: frozenset[str] = frozenset({"AUTH=PLAIN", "AUTH=XOAUTH2"})
    passwords: set[str] = field(default_factory=lambda: {PASSWORD})
    waits: threading.Event = field(default_factory=threading.Event)
    """Everything that would ask a server waits for this."""
    keyring: MailsyncError | None = None
    calls: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.waits.set()


class FakeLogin:
    """A sign-in at a provider that ends when something is pasted, or was cancelled."""

    def __init__(self, world: World, prompt: Prompt, vault: Vault, name: str, device_code: bool) -> None:
        self._world, self._prompt, self._vault, self._name = world, prompt, vault, name
        self._device_code = device_code
        self._ended = threading.Event()
        self._pasted = ""

    def run(self) -> Signed:
        if self._device_code:
            self._prompt.code("WDJB-MJHT", "https://example.com/device", 600)
        else:
            self._prompt.visit(URL, False)
        self._ended.wait(20)
        if not self._pasted:
            raise Interrupted("the sign-in was cancelled")
        self._vault.store_token(self._name, b"tokens")
        return Signed("", NOW + 3600, True, ())

    def paste(self, text: str) -> None:
        self._world.calls.append(f"paste {text}")
        if text.startswith("http://127.0.0.1:41234/"):
            self._pasted = text
            self._ended.set()
        else:
            self._prompt.note("not the address that is waited for: it begins with http://127.0.0.1:41234/")

    def cancel(self) -> None:
        self._world.calls.append("cancel")
        self._ended.set()


class FakeEntrance(Entrance):
    """The real steps but for what asks a network or a keyring: those ask the `world`."""

    def __init__(self, config_path: Path, store: Store, world: World) -> None:
        super().__init__(config_path, store, lambda: NOW)
        self.world = world

    def find(self, address: Address) -> Found:
        self.world.waits.wait(20)
        provider = of_domain(address.domain)
        named = [of_preset(provider, address, f"known for {address.domain}")] if provider else []
        candidates = named or self.world.servers.get(address.domain) or guesses(address.domain)
        for one in candidates:
            if provider or one.host in self.world.answering:
                return Found(candidates, self._answer(one))
        hint = "type its name as your provider tells it"
        return Found([], None, Unreachable(f"no server was found for {address.domain}", hint=hint))

    def reach(self, candidates: Sequence[Candidate], ca_file: str = "") -> Answer:
        self.world.waits.wait(20)
        for one in candidates:
            if one.host in self.world.answering:
                return self._answer(one)
        raise Unreachable(f"{candidates[0].host} does not answer", hint="check the network, the name and the port")

    def _answer(self, one: Candidate) -> Answer:
        return Answer(one, "Dovecot ready.", self.world.capabilities)

    def draft(self, *given: Any, files: bool = False) -> Draft:
        return super().draft(*given, files=files)

    def login(self, one: Draft | Known, prompt: Prompt, *, device_code: bool) -> Any:
        self._keyring(one.vault)
        return FakeLogin(self.world, prompt, one.vault, one.name, device_code)

    def try_password(self, made: Draft, credential: Credential) -> Welcome:
        self._keyring(made.vault)
        return super().try_password(made, credential)

    def _keyring(self, vault: Vault) -> None:
        if vault.kind == "keyring" and self.world.keyring is not None:
            raise self.world.keyring

    def _sign_in(self, account: Any, credential: Credential) -> Welcome:
        self.world.waits.wait(20)
        self.world.calls.append(f"sign in {account.username}")
        if isinstance(credential, Password) and credential.text not in self.world.passwords:
            raise SignInFailed(f"{account.host} refused the user name or password", hint="check both")
        assert isinstance(credential, Password | Bearer)
        return Welcome("Dovecot", 12)

    def try_token(self, made: Draft) -> Welcome:
        assert made.vault.token(made.name) == b"tokens"
        return self._sign_in(made.account, Bearer("secret-token", None))

    def commit(self, made: Draft, credential: Credential | None, scopes: Sequence[str]) -> Added:
        self.world.calls.append(f"commit {made.name}")
        return super().commit(made, credential, scopes)


def entrance(folder: Path, store: Store, world: World, config: str = '[general]\nsecrets = "file"\n') -> FakeEntrance:
    """A way in over a configuration of its own."""
    path = folder / "config.toml"
    path.write_text(config, "utf-8")
    path.chmod(0o600)
    return FakeEntrance(path, store, world)


def known_servers() -> World:
    """A world with one domain that names two servers, the second of which answers."""
    servers = [
        Candidate("mail.example.org", 993, "tls", DNS),
        Candidate("imap.example.org", 993, "tls", "example.org publishes it (autoconfig)"),
    ]
    return World({"example.org": servers}, {"imap.example.org"})


Make = Callable[..., FakeEntrance]
