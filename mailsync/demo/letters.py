"""The forms in which sample mail is written down: a talk of several turns, a series of issues, a single notice."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a talk: who writes (a key of `people.PEOPLE`, or "me"), what, and hours after the one before.

    Attachments are (file name, text) pairs: the ending of the name decides what is made of the text.
    """

    who: str
    text: str
    after: float = 6.0
    attach: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Talk:
    """A thread: replies refer to what they answer and quote it. My own turns are filed under Sent.

    `days` is how long before now the first turn was sent; `folder` is where the turns of others lie ({year} becomes
    the message's); `keywords` go on its first message, `flagged` on its last.
    """

    folder: str
    days: float
    subject: str
    turns: tuple[Turn, ...]
    cc: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    flagged: bool = False
    charset: str = "utf-8"


@dataclass(frozen=True, slots=True)
class Issue:
    """One item of a newsletter: a headline and a paragraph; on a mailing list a question and what others reply."""

    title: str
    text: str
    replies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Series:
    """A newsletter or (with `discussion`) a mailing list: `count` issues, one every `every` days, the newest `first`
    days before now. `subject` takes {number} and {title} (the first item's headline). `personal` issues are written to
    each reader, the others to the list.
    """

    account: str
    folder: str
    name: str
    email: str
    list_id: str
    subject: str
    intro: str
    issues: tuple[Issue, ...]
    count: int
    every: float
    first: float
    colour: str = "#246"
    per_issue: int = 3
    unread: int = 1
    discussion: bool = False
    personal: bool = False

    @property
    def list_address(self) -> str:
        """The address that its List-Id stands for."""
        return self.list_id.replace(".", "@", 1)


@dataclass(frozen=True, slots=True)
class Notice:
    """A message nobody answers: an order, a build, a bill.

    `values` are the rows put into `subject` and `text` (both `str.format` templates, which also know the {month} and
    {week} of the message), one message a row, every `every` days back from `first` days before now.
    """

    account: str
    folder: str
    name: str
    email: str
    subject: str
    text: str
    values: tuple[dict[str, str], ...]
    every: float
    first: float
    attach: tuple[tuple[str, str], ...] = ()
    keywords: tuple[str, ...] = ()
    unread: int = 0
    headers: tuple[tuple[str, str], ...] = (("Auto-Submitted", "auto-generated"),)
