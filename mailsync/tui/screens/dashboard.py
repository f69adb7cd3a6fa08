"""The dashboard: accounts, folders with their progress, what happened lately, and what is wrong."""

from __future__ import annotations

from typing import ClassVar

from textual import getters
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical
from textual.content import Content

from mailsync.tui import dialogs, wording
from mailsync.tui.drawing import clean
from mailsync.tui.screens.pane import Pane
from mailsync.tui.vitals import Vitals
from mailsync.tui.widgets.accounts import AccountList
from mailsync.tui.widgets.folders import FolderHeadings, FolderTable
from mailsync.tui.widgets.keybar import KeyBar
from mailsync.tui.widgets.panels import ActivityList, FirstSteps, Overview, ProblemPanel, problems
from mailsync.tui.widgets.rows import RowList
from mailsync.tui.widgets.topbar import TopBar


class DashboardScreen(Pane):
    """`config_path` is told to whoever has no account yet."""

    BINDING_GROUP_TITLE = "Dashboard"
    AUTO_FOCUS = "#accounts"
    TITLE = "Dashboard"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "add_account", "Add", id="account.add", tooltip="Add an account"),
        Binding("l", "sign_in", "Sign in", id="account.sign_in", tooltip="Sign in again where that is needed"),
        Binding("p", "permissions", "Allow", id="account.permissions", tooltip="Allow what the account needs"),
    ]
    accounts = getters.query_one("#accounts", AccountList)
    folders = getters.query_one("#folders", FolderTable)
    activity = getters.query_one("#activity", ActivityList)

    def __init__(self, config_path: str) -> None:
        super().__init__()
        self._config_path = config_path
        self._titles = ("", "")
        self._needs: tuple[str | None, str | None] = (None, None)

    def compose(self) -> ComposeResult:
        yield TopBar("dashboard")
        yield Overview(id="overview")
        yield ProblemPanel(id="problems")
        with Container(id="main"):
            yield AccountList(id="accounts")
            table = FolderTable(id="folders")
            with Vertical(id="folder-box"):
                yield FolderHeadings(table)
                yield table
            yield ActivityList(id="activity")
        yield FirstSteps(self._config_path, id="first-steps")
        yield KeyBar()

    def on_mount(self) -> None:
        self.accounts.border_title = "Accounts"
        self.query_one("#folder-box").border_title = "Folders"
        self.query_one("#problems").border_title = "Needs attention"
        self.activity.border_title = "Activity"
        self.query_one("#problems").display = False
        self.folders.set_notice("reading…")
        self.activity.set_notice("nothing yet")

    def show_vitals(self, vitals: Vitals) -> None:
        super().show_vitals(vitals)
        if not vitals.loaded:
            return
        empty = not vitals.accounts
        self.set_class(empty, "-empty")
        self.query_one(Overview).show(vitals.totals())
        troubles = problems(vitals.snapshot, vitals.now)
        self.set_class(bool(troubles), "-trouble")
        self.query_one(ProblemPanel).show(troubles)
        self.accounts.show(vitals.cards(), vitals.now)
        needs = self._in_state("needs_login"), self._in_state("needs_consent")
        if needs != self._needs:
            self._needs = needs
            self.refresh_bindings()
        self._show_folders()
        self.activity.show(vitals.snapshot.activity)

    def _show_folders(self) -> None:
        name = self.chosen_account
        lines = self.vitals.progress(name)
        self.folders.show(lines, self.vitals.now, with_account=name is None and len(self.vitals.accounts) > 1)
        self.folders.set_notice(self._no_folders(name))
        self.query_one(FolderHeadings).follow()
        box = self.query_one("#folder-box")
        titles = (
            f"Folders · {clean(name)}" if name else "Folders",
            f"{wording.count(len(lines))} folders" if len(lines) != 1 else "1 folder",
        )
        if titles != self._titles:
            self._titles = titles
            # Content, because a border parses a string as markup.
            box.border_title, box.border_subtitle = map(Content, titles)

    def _no_folders(self, name: str | None) -> str:
        for account in self.vitals.accounts:
            if account.name == name and account.state_hint:
                return f"nothing mirrored yet\n{clean(account.state_hint)}"
        return "nothing mirrored yet" + ("\npress s to sync now" if self.vitals.can_sync else "")

    @property
    def chosen_account(self) -> str | None:
        return self.accounts.selected

    def _in_state(self, state: str) -> str | None:
        """The account under the cursor if it is in this state, the first such one while all of them are chosen."""
        chosen = self.chosen_account
        named = [one.name for one in self.vitals.accounts if one.state == state and chosen in (None, one.name)]
        return named[0] if named else None

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("sign_in", "permissions"):
            return self._in_state("needs_login" if action == "sign_in" else "needs_consent") is not None
        return super().check_action(action, parameters)

    def action_add_account(self) -> None:
        self.post_message(self.DialogWanted(dialogs.ADD))

    def action_sign_in(self) -> None:
        self.post_message(self.DialogWanted(dialogs.SIGN_IN, self._in_state("needs_login") or ""))

    def action_permissions(self) -> None:
        self.post_message(self.DialogWanted(dialogs.PERMISSIONS, self._in_state("needs_consent") or ""))

    def on_row_list_moved(self, message: RowList.Moved) -> None:
        if message.rows is self.accounts and self.vitals.loaded:
            self._show_folders()
            self.refresh_bindings()

    def on_row_list_chosen(self, message: RowList.Chosen) -> None:
        if message.rows is self.folders:
            chosen = [self.folders.selected]
        elif message.rows is self.accounts and self.chosen_account and self._in_state("needs_login"):
            self.action_sign_in()
            return
        elif message.rows is self.accounts and self.chosen_account and self._in_state("needs_consent"):
            self.action_permissions()
            return
        elif message.rows is self.accounts:
            chosen = list(self.vitals.folders(self.chosen_account)[:1])
        else:
            entry = self.activity.selected
            chosen = [
                folder
                for folder in self.vitals.snapshot.folders
                if entry is not None and (folder.account, folder.name) == (entry.account, entry.folder)
            ]
        if chosen and chosen[0] is not None:
            self.post_message(self.FolderWanted(chosen[0].id))
