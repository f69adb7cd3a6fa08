"""What the screens show of the engine's work: the last snapshot, with rates and guesses made from those before it."""

from __future__ import annotations

from collections.abc import Sequence

from mailsync.store.dashboard import Account, Folder, Snapshot
from mailsync.tui import wording
from mailsync.tui.rates import Meter
from mailsync.tui.tree import ordered
from mailsync.tui.widgets.accounts import Card
from mailsync.tui.widgets.folders import Progress
from mailsync.tui.widgets.panels import Totals
from mailsync.tui.widgets.topbar import EngineStatus


class Vitals:
    """The present state of the mirror for the screens. `accounts` are (name, email) of the configuration, in order."""

    def __init__(self, accounts: Sequence[tuple[str, str]] = ()) -> None:
        self.configured = accounts
        self._all = Meter()
        self._by_account: dict[str, Meter] = {}
        self._by_folder: dict[int, Meter] = {}
        self.snapshot = Snapshot()
        self.disk = 0
        self.now = 0.0
        self.loaded = False
        """False until the first snapshot was read."""
        self.can_sync = False
        """There is an engine to ask."""
        self.engine = EngineStatus("○", "muted", "no engine", "no engine")

    def take(self, snapshot: Snapshot, disk: int, now: float) -> None:
        """A new snapshot, the size of the database in bytes, and the time it was read."""
        self.snapshot, self.disk, self.now, self.loaded = snapshot, disk, now, True

    def sample(self, now: float) -> None:
        """Once a second: let the meters see the counters."""
        self.now = now
        if not self.loaded:
            return
        folders = self.snapshot.folders
        self._all.sample(now, self.snapshot.messages)
        for account in self.snapshot.accounts:
            meter = self._by_account.setdefault(account.name, Meter())
            meter.sample(now, sum(folder.messages for folder in folders if folder.account == account.name))
        moving = {folder.id: folder.messages for folder in folders if folder.remaining}
        self._by_folder = {ident: self._by_folder.get(ident, Meter()) for ident in moving}
        for ident, messages in moving.items():
            self._by_folder[ident].sample(now, messages)

    @property
    def accounts(self) -> list[Account]:
        """Those of the configuration in its order, then those that only have mail here."""
        known = {account.name: account for account in self.snapshot.accounts}
        named = [
            known.pop(name)
            if name in known
            else Account(0, name, email, "disconnected", "", "", None, None, None, "", "", sync_wanted=False)
            for name, email in self.configured
        ]
        return named + list(known.values())

    def folders(self, account: str | None = None) -> list[Folder]:
        """The folders of one account, or of all, in the order of the tree."""
        found = []
        for name in [account] if account else [each.name for each in self.accounts]:
            found += ordered(folder for folder in self.snapshot.folders if folder.account == name)
        return found

    def everything(self) -> list[Folder]:
        """All folders, and the labels that are shown as folders unless a folder has that name already."""
        folders, labels = self.snapshot.folders, self.snapshot.labels
        taken = {(folder.account, folder.name) for folder in folders} if labels else set()
        return [*folders, *(label for label in labels if (label.account, label.name) not in taken)]

    def cards(self) -> list[Card]:
        """A card an account; before them one for all, where there are several."""
        accounts = self.accounts
        cards = [self._card(account) for account in accounts]
        return [self._card(None), *cards] if len(accounts) > 1 else cards

    def _card(self, account: Account | None) -> Card:
        meter = self._by_account.get(account.name, Meter()) if account else self._all
        folders = self.folders(account.name if account else None)
        messages = sum(folder.messages for folder in folders)
        remaining = sum(folder.remaining for folder in folders)
        return Card(
            account,
            messages,
            sum(folder.bytes for folder in folders),
            meter.rate,
            tuple(meter.latest),
            wording.eta(meter.seconds_for(remaining)) if remaining else wording.UNKNOWN,
            (messages, messages + remaining) if remaining else (0, 0),
        )

    def progress(self, account: str | None) -> list[Progress]:
        """The lines of the folder table: what failed, what is still coming, the others as in the tree."""
        folders = sorted(self.folders(account), key=lambda each: 0 if each.error else 1 if each.remaining else 2)
        return [Progress(folder, self._eta(folder)) for folder in folders]

    def _eta(self, folder: Folder) -> str:
        meter = self._by_folder.get(folder.id)
        return wording.eta(meter.seconds_for(folder.remaining)) if meter and folder.remaining else wording.UNKNOWN

    def totals(self) -> Totals:
        """The sums over everything."""
        snapshot = self.snapshot
        remaining = snapshot.remaining
        return Totals(
            snapshot.messages,
            snapshot.messages + remaining,
            snapshot.bytes,
            self.disk,
            self._all.rate,
            tuple(self._all.latest),
            wording.eta(self._all.seconds_for(remaining)) if remaining else wording.UNKNOWN,
            snapshot.quarantined,
        )
