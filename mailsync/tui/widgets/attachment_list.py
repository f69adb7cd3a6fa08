"""The attachments of the message that is read, and the ways to save them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip

from mailsync.errors import MailsyncError
from mailsync.privacy.consent import ATTACHMENT_ACCESS, EMAIL_READ, how_to_grant
from mailsync.store import consents, reading
from mailsync.store.attachments import Attachment
from mailsync.store.database import Store
from mailsync.tui import wording
from mailsync.tui.drawing import clean
from mailsync.tui.matches import NOTHING, Matches
from mailsync.tui.screens.prompt import PromptScreen
from mailsync.tui.widgets.rows import RowList


class AttachmentList(RowList):
    """Two lines an attachment: its name, and what it is. They are read in a thread worker."""

    BINDING_GROUP_TITLE = "Attachments"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "save", "Save", id="attachments.save", tooltip="Save this attachment to a folder"),
        Binding("S", "save_all", "Save all", id="attachments.save_all", tooltip="Save all of them to a folder"),
        Binding("enter", "save", "Save", show=False, id="attachments.enter", tooltip="Save this attachment"),
    ]

    class Listed(Message):
        """The attachments of a message are known; `lacking` says why they may not be taken out, or is empty."""

        def __init__(self, message_id: int, found: Sequence[Attachment], lacking: str, problem: str = "") -> None:
            super().__init__()
            self.message_id, self.found, self.lacking, self.problem = message_id, found, lacking, problem

    class Told(Message):
        """Something to tell the person; `bad` with a hint."""

        def __init__(self, text: str, hint: str = "", *, bad: bool = False) -> None:
            super().__init__()
            self.text, self.hint, self.bad = text, hint, bad

    def __init__(self, store: Store, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._store = store
        self._message_id: int | None = None
        self._found: Sequence[Attachment] = ()
        self._lacking = ""
        self._folder = ""
        self._matches = NOTHING

    @property
    def found(self) -> Sequence[Attachment]:
        """The attachments that are known."""
        return self._found

    @property
    def lacking(self) -> str:
        """Why they may not be taken out, and how that changes; empty when they may."""
        return self._lacking

    def show_message(self, message_id: int | None) -> None:
        """List those of another message."""
        if message_id != self._message_id:
            self._take(message_id, (), "", "reading…" if message_id is not None else "")
        if message_id is not None:
            self._list(message_id)

    def mark(self, matches: Matches) -> None:
        """Mark this in the names."""
        if matches is not self._matches:
            self._matches = matches
            self.redraw()

    @work(thread=True, exclusive=True, group="attachments", exit_on_error=False, description="listing attachments")
    def _list(self, message_id: int) -> None:
        from mailsync.export.attachments import listed

        try:
            with self._store.read() as connection:
                message = reading.find(connection, message_id)
                if message is None:
                    return
                consents.require(connection, message.account, [EMAIL_READ])
                found = listed(connection, message)
                allowed = consents.attachments_allowed(connection, message.account)
            hint = "" if allowed else how_to_grant(message.account, [ATTACHMENT_ACCESS])
            lacking = "" if allowed else f"{ATTACHMENT_ACCESS} is not granted to {message.account}; {hint}"
            self.post_message(self.Listed(message_id, found, lacking))
        except MailsyncError as error:
            self.post_message(self.Listed(message_id, (), "", str(error)))
        except Exception as error:
            self.post_message(self.Listed(message_id, (), "", f"attachments cannot be listed: {error}"))

    def on_attachment_list_listed(self, message: AttachmentList.Listed) -> None:
        if message.message_id == self._message_id:
            told = clean(message.problem or "no attachments")
            self._take(message.message_id, message.found, message.lacking, told)

    def _take(self, message_id: int | None, found: Sequence[Attachment], lacking: str, notice: str) -> None:
        if message_id != self._message_id:
            self.cursor = 0
        same = (found, lacking) == (self._found, self._lacking)
        self._message_id, self._found, self._lacking = message_id, found, lacking
        self.set_notice(notice)
        if not same:
            self.set_rows(len(found), 2)
            self.redraw()

    def draw_row(self, index: int, width: int) -> list[Strip]:
        one = self._found[index]
        name, ink = (one.name, "strong") if one.name else ("(no name)", "muted")
        first = self.line().add(f"{one.number} ", "muted", max(3, len(str(one.number)) + 1))
        margin = first.width
        first.add_marked(name, ink, max(1, width - margin - 10), partial(self._matches.spans, places=("filename",)))
        first.add(wording.size(one.size), "accent", min(10, width), "right")
        told = f"{one.type} · sha256 {one.digest.hex()[:16]}…"
        second = self.line().gap(margin).add(told, "muted", max(1, width - margin))
        return [first.strip(width), second.strip(width)]

    def action_save(self) -> None:
        if self._count:
            one = self._found[self.cursor]
            self._wish([one.number], one.name or f"attachment {one.number}")

    def action_save_all(self) -> None:
        if self._count:
            self._wish([one.number for one in self._found], f"{len(self._found)} attachments")

    def action_choose(self) -> None:
        self.action_save()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in ("save", "save_all"):
            return True if self._count else None
        return super().check_action(action, parameters)

    def _wish(self, numbers: Sequence[int], what: str) -> None:
        """Ask where to, and save these; or say why that may not be."""
        if self._lacking:
            self.post_message(self.Told("Attachments may not be taken out", self._lacking, bad=True))
            return
        message_id = self._message_id

        def to(folder: str | None) -> None:
            if folder is not None and message_id is not None:
                self._folder = folder
                self._save(message_id, tuple(numbers), folder)

        lead = [("Nothing is overwritten or opened. The folder is made if it is not there.", "muted")]
        self.app.push_screen(PromptScreen(f"Save {what}", "To the folder", self._folder or downloads(), lead), to)

    @work(thread=True, group="save", exit_on_error=False, description="saving attachments")
    def _save(self, message_id: int, numbers: Collection[int], folder: str) -> None:
        from mailsync.export.attachments import save

        try:
            saved = save(self._store, message_id, Path(folder).expanduser(), numbers)
        except MailsyncError as error:
            self.post_message(self.Told(str(error), error.hint, bad=True))
        except OSError as error:
            told = f"cannot save to {folder}: {error.strerror or error}"
            self.post_message(self.Told(told, "name another folder", bad=True))
        else:
            there = sum(not one.written for one in saved)
            what = f"Saved {saved[0].name}" if len(saved) == 1 else f"Saved {len(saved)} attachments"
            known = "" if not there else ", which was there already" if len(saved) == 1 else f", {there} were there"
            self.post_message(self.Told(f"{what} to {folder}{known}"))


def downloads() -> str:
    """Where a person looks for what they saved, `~` for their home."""
    from platformdirs import user_downloads_path

    path, home = user_downloads_path(), Path.home()
    return f"~/{path.relative_to(home)}" if path.is_relative_to(home) else str(path)
