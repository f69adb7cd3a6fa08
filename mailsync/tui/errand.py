"""Work that a dialog waits for without standing still: in a thread of its own, and given up at any moment."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from typing import Any

from textual.message import Message
from textual.message_pump import MessagePump

from mailsync.errors import MailsyncError


class Errand:
    """`work` on its way for `screen`, which hears of its end by `Done`, unless it was given up before.

    A worker of Textual's would be waited for when the application ends; here a server that does not answer holds up
    nobody. With `lasting`, the work writes something and is waited for.
    """

    class Done(Message):
        """The work has come to its end: with a result, or an error."""

        def __init__(self, errand: Errand, result: Any, error: MailsyncError | None) -> None:
            super().__init__()
            self.errand, self.result, self.error = errand, result, error

        def __rich_repr__(self) -> Any:
            yield "error", type(self.error).__name__

    def __init__(
        self,
        screen: MessagePump,
        told: str,
        work: Callable[[], Any],
        then: Callable[[Any], object],
        *,
        lasting: bool = False,
        give_up: Callable[[], None] = lambda: None,
        failed: Callable[[MailsyncError], object] | None = None,
    ) -> None:
        self.told = told
        """What is done, in words for the screen."""
        self.then = then
        self.failed = failed
        self.lasting = lasting
        self._screen = screen
        self._work = work
        self._give_up = give_up
        self._wanted = True
        context = contextvars.copy_context()
        run = threading.Thread(target=context.run, args=(self._run,), name="dialog", daemon=not lasting)
        run.start()

    @property
    def wanted(self) -> bool:
        """Somebody still waits for it."""
        return self._wanted

    def give_up(self) -> None:
        """Nobody wants to hear of it any more."""
        self._wanted = False
        self._give_up()

    def _run(self) -> None:
        result, failure = None, None
        try:
            result = self._work()
        except MailsyncError as error:
            failure = error
        except Exception as error:  # the dialog stays, and its person can go back
            failure = MailsyncError(f"unexpected {type(error).__name__}", hint="run mailsync -v to see where")
        if self._wanted:
            self._screen.post_message(self.Done(self, result, failure))
