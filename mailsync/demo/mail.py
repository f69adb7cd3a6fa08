"""The sample mailboxes: three accounts, some four hundred messages over two years, from `now` and a seed alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from email.headerregistry import Address
from random import Random

from mailsync.demo.attachments import make, png
from mailsync.demo.compose import Letter, compose, page, quote
from mailsync.demo.letters import Issue, Notice, Series, Talk
from mailsync.demo.newsletters import SERIES
from mailsync.demo.notices import NOTICES
from mailsync.demo.people import ME, PEOPLE, Person
from mailsync.demo.talks import family, friends, harbour, office, pottery

TALKS: dict[str, tuple[Talk, ...]] = {
    "personal": family.TALKS + friends.TALKS,
    "work": harbour.TALKS + office.TALKS,
    "studio": pottery.TALKS,
}
SPECIAL_USE = {
    "Sent": "\\Sent",
    "Drafts": "\\Drafts",
    "Archive": "\\Archive",
    "Junk": "\\Junk",
    "Trash": "\\Trash",
}
"""Folders that every account has, with their use (RFC 6154)."""
MONTHS = (
    *("Januar", "Februar", "März", "April", "Mai", "Juni"),
    *("Juli", "August", "September", "Oktober", "November", "Dezember"),
)
UNREAD_DAYS = 1.5
"""The last word of a talk is unread for so long."""


@dataclass(frozen=True, slots=True)
class SampleMessage:
    """A message for a folder (decoded name): its bytes, flags and keywords, and aware INTERNALDATE."""

    folder: str
    raw: bytes
    flags: tuple[str, ...]
    when: datetime


@dataclass(slots=True)
class SampleAccount:
    """A mailbox: messages oldest first, and for each thread, by its subject, the Message-IDs so far."""

    name: str
    owner: Person
    messages: list[SampleMessage] = field(default_factory=list)
    threads: dict[str, list[str]] = field(default_factory=dict)

    @property
    def folders(self) -> dict[str, str]:
        """Every folder with its special use ("" for most), INBOX first, then by name."""
        names = {message.folder for message in self.messages} | set(SPECIAL_USE)
        return {name: SPECIAL_USE.get(name, "") for name in sorted(names, key=lambda name: (name != "INBOX", name))}


def sample_mail(now: datetime, seed: int = 1) -> list[SampleAccount]:
    """All accounts as they are at `now` (aware), to the second; no message is younger."""
    now = now.astimezone(UTC).replace(microsecond=0)
    accounts = []
    for name, owner in ME.items():
        account = SampleAccount(name, owner)
        for talk in TALKS[name]:
            account.messages += _talk(account, talk, now, Random(f"{seed} {talk.subject}"))
        for series in SERIES:
            if series.account == name:
                account.messages += _series(account, series, now)
        for notice in NOTICES:
            if notice.account == name:
                account.messages += _notice(account, notice, now)
        account.messages.sort(key=lambda message: (message.when, message.folder))
        accounts.append(account)
    return accounts


def reply_subject(subject: str) -> str:
    """`Re: ` once."""
    return subject if subject.startswith("Re: ") else f"Re: {subject}"


def signed(text: str, signature: str) -> str:
    return f"{text}\n\n-- \n{signature}" if signature else text


def _talk(account: SampleAccount, talk: Talk, now: datetime, chance: Random) -> Iterator[SampleMessage]:
    # Old talks start at any time of the day, not at the one `now` happens to have.
    moment = now - timedelta(days=talk.days, hours=chance.uniform(0, 9) if talk.days > 3 else 0)
    thread = account.threads.setdefault(talk.subject, [])
    previous: Letter | None = None
    for number, turn in enumerate(talk.turns):
        mine = turn.who == "me"
        writer = account.owner if mine else PEOPLE[turn.who]
        moment = min(moment + timedelta(hours=turn.after if number else 0), now - timedelta(minutes=3))
        moment = moment.replace(microsecond=0)
        others = [PEOPLE[key] for key in _others(talk)]
        text = turn.text
        if previous is not None:
            text += "\n\n" + quote(previous.text, previous.sender.display_name, previous.when)
        letter = Letter(
            f"{account.name} {talk.subject} {number}",
            writer.address,
            [other.address for other in others[:1]] if mine else [account.owner.address],
            talk.subject if number == 0 else reply_subject(talk.subject),
            _local(moment, writer, chance.randrange(50)),
            signed(text, writer.signature),
            cc=[PEOPLE[key].address for key in talk.cc if PEOPLE[key] not in (writer, *(others[:1] if mine else ()))],
            answers=list(thread),
            attachments=[make(name, content, moment) for name, content in turn.attach],
            headers=[("User-Agent", "Dorymail 4.2")] if mine else [],
            charset=talk.charset,
            flowed=mine and talk.charset == "utf-8",
        )
        last = number == len(talk.turns) - 1
        folder = talk.folder.format(year=moment.year)
        if mine and folder != "Drafts":
            folder = "Sent"
        flags = [] if last and not mine and now - moment < timedelta(days=UNREAD_DAYS) else ["\\Seen"]
        if folder == "Drafts":
            flags.append("\\Draft")
        if not last and not mine and talk.turns[number + 1].who == "me":
            flags.append("\\Answered")
        if last and talk.flagged:
            flags.append("\\Flagged")
        if number == 0:
            flags += talk.keywords
        thread.append(letter.message_id)
        previous = letter
        yield SampleMessage(folder, compose(letter), tuple(flags), moment)


def _others(talk: Talk) -> list[str]:
    """Who takes part in a talk besides me, in order of appearance; for a monologue whoever is copied, else nobody."""
    return list(dict.fromkeys([turn.who for turn in talk.turns if turn.who != "me"] + list(talk.cc)))


def _series(account: SampleAccount, series: Series, now: datetime) -> Iterator[SampleMessage]:
    posts = _discussion(series) if series.discussion else _issues(series)
    for age, items in reversed(list(enumerate(posts))):
        moment = _ago(now, series.first + age * series.every)
        if series.discussion:
            letter = _post(account, series, items[0], moment)
        else:
            letter = newsletter(account, series, series.count - age, items, moment)
        yield SampleMessage(series.folder, compose(letter), () if age < series.unread else ("\\Seen",), moment)


def _issues(series: Series) -> Iterator[Sequence[Issue]]:
    """Newest first: the items rotate through the pool, so that no two neighbours are alike."""
    for age in range(series.count):
        start = age * 3 + age // len(series.issues)
        yield [series.issues[(start + offset * 2) % len(series.issues)] for offset in range(series.per_issue)]


def _discussion(series: Series) -> Iterable[Sequence[Issue]]:
    """Newest first: for each topic the replies, then the question."""
    posts = [[Issue(topic.title, text)] for topic in series.issues for text in (topic.text, *topic.replies)]
    return reversed(posts[: series.count])


def newsletter(account: SampleAccount, series: Series, number: int, items: Sequence[Issue], moment: datetime) -> Letter:
    """One issue of a newsletter, text and HTML, every second with a picture inside."""
    leave = f"https://{series.list_id}/leave?{number}"
    body = "\n\n".join(f"{item.title.upper()}\n{item.text}" for item in items)
    title = series.subject.format(number=number, title=items[0].title)
    shown = [(item.title, item.text) for item in items]
    pictured = number % 2 == 0
    return Letter(
        f"{series.list_id} {number}",
        Address(series.name, addr_spec=series.email),
        [account.owner.address if series.personal else Address(series.name, addr_spec=series.list_address)],
        title,
        moment,
        f"{series.intro}\n\n{body}\n\n--\nUnsubscribe: {leave}",
        html=page(series.name, series.intro, shown, series.colour, picture=pictured, leave=leave),
        picture=png(title, width=112, height=28) if pictured else b"",
        headers=[
            ("List-Id", f"{series.name} <{series.list_id}>"),
            ("List-Unsubscribe", f"<{leave}>, <mailto:leave@{series.email.rpartition('@')[2]}>"),
            ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
            ("Precedence", "bulk"),
        ],
    )


def _post(account: SampleAccount, series: Series, post: Issue, moment: datetime) -> Letter:
    writers = ("survey", "dmitri", "sam", "marchetti", "noor", "ines", "oleh")
    writer = PEOPLE[writers[len(post.text) % len(writers)]]
    subject = series.subject.format(title=post.title)
    thread = account.threads.setdefault(subject, [])
    letter = Letter(
        f"{series.list_id} {post.title} {len(thread)}",
        writer.address,
        [Address(series.name, addr_spec=series.email)],
        reply_subject(subject) if thread else subject,
        _local(moment, writer, 12),
        f"{post.text}\n\n_______________\n{series.name} mailing list\n{series.email}",
        answers=list(thread),
        headers=[
            ("List-Id", f"<{series.list_id}>"),
            ("List-Post", f"<mailto:{series.email}>"),
            ("List-Unsubscribe", f"<mailto:{series.name}-leave@lists.example.org>"),
            ("Precedence", "list"),
        ],
        flowed=True,
    )
    thread.append(letter.message_id)
    return letter


def _notice(account: SampleAccount, notice: Notice, now: datetime) -> Iterator[SampleMessage]:
    for age, row in enumerate(notice.values):
        moment = _ago(now, notice.first + age * notice.every)
        flags = (*(() if age < notice.unread else ("\\Seen",)), *notice.keywords)
        yield SampleMessage(notice.folder, compose(from_notice(account, notice, row, str(age), moment)), flags, moment)


def from_notice(account: SampleAccount, notice: Notice, row: dict[str, str], key: str, moment: datetime) -> Letter:
    """One message of a notice; `key` tells it from the others of the same day."""
    values = row | {"month": f"{MONTHS[moment.month - 1]} {moment.year}", "week": f"{moment.isocalendar().week}"}
    return Letter(
        f"{notice.email} {notice.subject} {key}",
        Address(notice.name, addr_spec=notice.email),
        [account.owner.address],
        notice.subject.format_map(values),
        moment,
        notice.text.format_map(values),
        attachments=[make(name, content, moment) for name, content in notice.attach],
        headers=notice.headers,
    )


def _ago(now: datetime, days: float) -> datetime:
    """A moment, to the second."""
    return now - timedelta(seconds=round(days * 86400))


def _local(moment: datetime, writer: Person, seconds: int) -> datetime:
    """When the writer's clock says they sent what arrives at `moment`."""
    return (moment - timedelta(seconds=2 + seconds)).astimezone(timezone(timedelta(hours=writer.zone)))
