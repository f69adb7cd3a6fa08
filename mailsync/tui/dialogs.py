"""The dialogs about accounts, by what a person wants. They are loaded when somebody wants one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from mailsync.tui.entrance import Entrance
from mailsync.tui.screens.wizard import Wizard

if TYPE_CHECKING:
    from mailsync.tui.screens.pane import Pane

ADD, SIGN_IN, PERMISSIONS, REMOVE = "add", "sign_in", "permissions", "remove"


def dialog(wanted: Pane.DialogWanted, entrance: Entrance, clock: Callable[[], float]) -> Wizard:
    """The dialog about an account, or about one to be added."""
    if wanted.kind == ADD:
        from mailsync.tui.screens.account_add import AddScreen

        return AddScreen(entrance, clock)
    from mailsync.tui.screens.account_known import PermissionsScreen, RemoveScreen, SignInScreen

    made = {SIGN_IN: SignInScreen, PERMISSIONS: PermissionsScreen, REMOVE: RemoveScreen}[wanted.kind]
    return made(entrance, clock, wanted.account)
