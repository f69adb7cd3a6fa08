"""A pane whose keys decide something: it is asked for with all there is to know, or done at once and seen at once."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from textual import work
from textual.message import Message

from mailsync.errors import MailsyncError
from mailsync.store.database import Store
from mailsync.tui.asking import Wish
from mailsync.tui.questions import Question
from mailsync.tui.screens.approval import ApprovalScreen
from mailsync.tui.screens.parts import PartsPane
from mailsync.tui.widgets.topbar import TopBar


class DecidingPane(PartsPane):
    """`now` gives Unix seconds."""

    class Inquired(Message):
        """What is to be asked is known; `error` says why nothing is."""

        def __init__(self, question: Question | None, error: MailsyncError | None = None) -> None:
            super().__init__()
            self.question, self.error = question, error

    class Changed(Message):
        """A wish was carried out, as is `told`; `error` says why not."""

        def __init__(self, told: str, error: MailsyncError | None = None) -> None:
            super().__init__()
            self.told, self.error = told, error

    def __init__(self, store: Store, now: Callable[[], float]) -> None:
        super().__init__()
        self.store, self.now = store, now
        self._changing = 0

    @property
    def deciding(self) -> bool:
        """A change is under way."""
        return self._changing > 0

    def decided(self) -> None:
        """A change is done."""

    @work(thread=True, group="inquire", exit_on_error=False, description="what there is to ask")
    def inquire(self, ask: Callable[[sqlite3.Connection], Question]) -> None:
        """Find out what there is to ask, ask it, and have a yes carried out by the application."""
        try:
            with self.store.read() as connection:
                self.post_message(self.Inquired(ask(connection)))
        except MailsyncError as error:
            self.post_message(self.Inquired(None, error))

    def on_deciding_pane_inquired(self, message: Inquired) -> None:
        message.stop()
        if message.error is not None:
            self.show_error(str(message.error), message.error.hint)
        elif (question := message.question) is not None and self.app.screen is self:
            asked = question

            def answered(typed: str | None) -> None:
                if typed is not None:
                    self.post_message(self.Wished(asked.wish(typed)))

            self.app.push_screen(ApprovalScreen(asked.title, asked.told, asked.verb, asked.typed), answered)

    def change(self, wish: Wish) -> None:
        """Carry out a wish that no job comes of. Not by the application, which looks at the store a little later."""
        self._changing += 1
        self._carry_out(wish)

    @work(thread=True, group="change", exit_on_error=False, description="changing what is proposed")
    def _carry_out(self, wish: Wish) -> None:
        try:
            self.post_message(self.Changed(wish(self.store, self.now())[0]))
        except MailsyncError as error:
            self.post_message(self.Changed("", error))

    def on_deciding_pane_changed(self, message: Changed) -> None:
        message.stop()
        self._changing -= 1
        if message.error is not None:
            self.show_error(str(message.error), message.error.hint)
        else:
            self.query_one(TopBar).say(message.told)
        self.decided()
