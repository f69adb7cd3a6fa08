"""What the panes have in common."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.screen import Screen

from mailsync.tui.asking import Wish
from mailsync.tui.drawing import clean
from mailsync.tui.vitals import Vitals
from mailsync.tui.widgets.topbar import TopBar


class Pane(Screen[None]):
    """A screen of the app that is fed with vitals while it is seen."""

    HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (72, "-narrow"), (120, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "sync", "Sync", id="sync.account", tooltip="Sync the chosen account now"),
        Binding("S", "sync_all", "Sync all", id="sync.all", tooltip="Sync every account now"),
    ]

    class SyncWanted(Message):
        """The person wants these accounts synced now."""

        def __init__(self, accounts: list[str]) -> None:
            super().__init__()
            self.accounts = accounts

    class FolderWanted(Message):
        """The person wants to see this folder's mail."""

        def __init__(self, folder_id: int) -> None:
            super().__init__()
            self.folder_id = folder_id

    class DialogWanted(Message):
        """The person wants to add an account, or do something about one; `tui.dialogs` names the kinds."""

        def __init__(self, kind: str, account: str = "") -> None:
            super().__init__()
            self.kind, self.account = kind, account

    class FetchWanted(Message):
        """The person wants a message that was left on the server."""

        def __init__(self, message_id: int) -> None:
            super().__init__()
            self.message_id = message_id

    class Wished(Message):
        """The person wants something carried out that is about no account: see `tui.asking`."""

        def __init__(self, wish: Wish) -> None:
            super().__init__()
            self.wish = wish

    class Resumed(Message):
        """The pane is seen again and has missed what happened meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.vitals = Vitals()
        self.ready = False
        """The parts of the pane are there."""

    def on_mount(self) -> None:
        self.ready = True
        self.post_message(self.Resumed())

    def show_vitals(self, vitals: Vitals) -> None:
        """Show this; called while the pane is seen, a few times a second at most."""
        could = self.vitals.can_sync
        self.vitals = vitals
        self.query_one(TopBar).show(vitals.engine)
        if could != vitals.can_sync:
            self.refresh_bindings()

    def store_changed(self) -> None:
        """Something was committed; called while the pane is seen."""

    def show_error(self, text: str, hint: str) -> None:
        """Tell what went wrong, and what to try."""
        told = clean(text[:400]) + (f"\n{clean(hint[:400])}" if hint else "")
        self.notify(told, severity="error", timeout=10, markup=False)

    @property
    def chosen_account(self) -> str | None:
        """The account that `s` would sync, None for all of them."""
        raise NotImplementedError

    def on_screen_resume(self) -> None:
        self.post_message(self.Resumed())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("sync", "sync_all") and not self.vitals.can_sync:
            return None
        return True

    def action_sync(self) -> None:
        name = self.chosen_account
        self.post_message(self.SyncWanted([name] if name else [account.name for account in self.vitals.accounts]))

    def action_sync_all(self) -> None:
        self.post_message(self.SyncWanted([account.name for account in self.vitals.accounts]))
