"""What the command palette offers of mailsync: syncs, dialogs about accounts, and a jump to any folder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain

from textual.app import App, SystemCommand
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.fuzzy import FuzzySearch

from mailsync.privacy import readonly
from mailsync.text import safe_text
from mailsync.tui import deciding, dialogs, wording
from mailsync.tui.panes import PANES
from mailsync.tui.screens.mail import MailScreen
from mailsync.tui.screens.pane import Pane

Command = tuple[str, str, Callable[[], object]]
EVERYWHERE = (
    *((pane.name, pane.told, f"app.show_mode('{pane.mode}')") for pane in PANES),
    ("Help", "The keys that work here", "app.help"),
    ("Theme", "Change the colours", "app.change_theme"),
    ("Quit", "Let the engine finish its batch, and leave", "app.quit"),
)
"""Commands that are about no account and no folder: name, what it does, action."""


def everywhere(app: App[None]) -> Iterator[SystemCommand]:
    """These commands, for the palette."""
    for name, told, action in EVERYWHERE:
        yield SystemCommand(name, told, partial(app.run_action, action))


class MailCommands(Provider):
    """Commands made from the accounts and folders of the moment. Names are content, never markup."""

    def _pane(self) -> Pane | None:
        return self.screen if isinstance(self.screen, Pane) else None

    def _syncs(self, pane: Pane) -> Iterator[Command]:
        if not pane.vitals.can_sync:
            return
        yield "Sync all accounts", "Ask the engine for a sync of every account now", pane.action_sync_all
        for account in pane.vitals.accounts:
            post = partial(pane.post_message, pane.SyncWanted([account.name]))
            yield f"Sync {safe_text(account.name, 40)}", "Ask the engine for a sync of this account now", post

    def _dialogs(self, pane: Pane) -> Iterator[Command]:
        def wanted(kind: str, account: str = "") -> Callable[[], object]:
            return partial(pane.post_message, pane.DialogWanted(kind, account))

        yield "Add an account", "From its address to a mirror, in five steps", wanted(dialogs.ADD)
        for account in pane.vitals.accounts:
            name = safe_text(account.name, 40)
            needed = " It is needed." if account.state == "needs_login" else ""
            yield (
                f"Sign in again: {name}",
                f"A new password, or the provider's page.{needed}",
                wanted(dialogs.SIGN_IN, account.name),
            )
            yield f"Permissions: {name}", "What mailsync may do with it", wanted(dialogs.PERMISSIONS, account.name)
            yield f"Remove account: {name}", "Keeping its mail here, or not", wanted(dialogs.REMOVE, account.name)

    def _orders(self, pane: Pane) -> Iterator[Command]:
        if isinstance(pane, MailScreen):
            told = "What wants your attention first, with the reasons" if not pane.by_priority else "The newest first"
            yield f"Order by {'date' if pane.by_priority else 'priority'}", told, pane.action_order

    def _cleanups(self, pane: Pane) -> Iterator[Command]:
        if pane.vitals.can_sync and not readonly.forbidden():
            look = partial(pane.post_message, pane.Wished(deciding.scan()))
            yield "Look for what may go", "Propose clean-ups of every account; nothing is changed", look

    def _folders(self, pane: Pane) -> Iterator[Command]:
        for folder in pane.vitals.everything():
            name = f"Go to {safe_text(folder.account, 40)} / {safe_text(folder.name, 80)}"
            told = f"{wording.messages(folder.messages)}, {folder.unread:,} unread"
            yield name, told, partial(pane.post_message, pane.FolderWanted(folder.id))

    async def discover(self) -> Hits:
        pane = self._pane()
        if pane is not None:
            for name, told, command in (
                *self._orders(pane),
                *self._syncs(pane),
                *self._cleanups(pane),
                *self._dialogs(pane),
            ):
                yield DiscoveryHit(Content(name), command, text=name, help=told)

    async def search(self, query: str) -> Hits:
        pane = self._pane()
        if pane is None:
            return
        fuzzy = FuzzySearch()
        offered = (self._orders, self._syncs, self._cleanups, self._dialogs, self._folders)
        for name, told, command in chain.from_iterable(make(pane) for make in offered):
            score, offsets = fuzzy.match(query, name)
            if score > 0:
                shown = Content(name)
                for offset in offsets:
                    shown = shown.stylize("bold underline", offset, offset + 1)
                yield Hit(score, shown, command, text=name, help=told)
