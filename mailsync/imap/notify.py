"""NOTIFY (RFC 5465): one connection hears of every folder. Sequence numbers are of no use under it, UIDs are."""

from __future__ import annotations

from mailsync.imap.line import Line
from mailsync.imap.responses import ListEntry, StatusEntry

MESSAGES = ("MessageNew", "MessageExpunge", "FlagChange")
"""The first two must come together, the third needs both (RFC 5465 section 5)."""
FOLDERS = ("MailboxName", "SubscriptionChange")


class Notices:
    """What NOTIFY told and nobody has taken yet."""

    def __init__(self) -> None:
        self.active = False
        self.overflowed = False
        """The server gave up: from here on it tells nothing (RFC 5465 section 5.8)."""
        self.statuses: dict[bytes, StatusEntry] = {}
        """By raw name; what came later adds to what came before."""
        self.listed: list[ListEntry] = []

    def add(self, told: StatusEntry | ListEntry) -> None:
        if isinstance(told, ListEntry):
            self.listed.append(told)
        elif (before := self.statuses.get(told.raw_name)) is not None:
            before.items |= told.items
            before.strings |= told.strings
        else:
            self.statuses[told.raw_name] = told

    def overflow(self) -> None:
        self.active = False
        self.overflowed = True

    def take(self) -> list[StatusEntry | ListEntry]:
        """All of it, folders that came, went or were renamed first; nothing is left."""
        taken: list[StatusEntry | ListEntry] = [*self.listed, *self.statuses.values()]
        self.listed, self.statuses = [], {}
        return taken


async def notify(line: Line, notices: Notices, *, selected: bool) -> bool:
    """Have the server tell of all personal folders; with `selected` also of the open one, message by message.

    The STATUS of each folder comes before this returns, so nothing falls between a look and the watch. Events that the
    server does not know (BADEVENT) are left out. False when it will not: then nothing is told.
    """
    if not line.offers("NOTIFY"):
        return False
    events = [*MESSAGES, *FOLDERS]
    notices.active, notices.overflowed = True, False
    for _ in range(2):
        pending = line.protocol.begin("NOTIFY", _command(events, selected=selected).encode())
        answer = await line.protocol.finish(pending)
        if answer.status == "OK":
            return not notices.overflowed
        if answer.code is None or answer.code.name != "BADEVENT":
            break
        known = {word.lower() for word in answer.code.words()}
        left = [event for event in events if event.lower() in known]
        if left == events or not {"MessageNew", "MessageExpunge"} <= set(left):
            break
        events = left
    notices.active = False
    notices.take()
    line.latch_off("NOTIFY")
    return False


def _command(events: list[str], *, selected: bool) -> str:
    own = " ".join(event for event in events if event in MESSAGES).replace("MessageNew", "MessageNew (UID FLAGS)")
    opened = f"(selected-delayed ({own})) " if selected else ""
    return f"NOTIFY SET STATUS {opened}(personal ({' '.join(events)}))"
