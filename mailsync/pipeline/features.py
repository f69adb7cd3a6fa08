"""What is noticed in a message at a glance: `features`, a few bits for triage, for rules and for what protects. Pure.

A glance, since every message is looked at: the header fields, the subject, and the first TEXT characters of what the
author wrote. Words are told apart once and looked up in sets; see `feature_words`.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mailsync.pipeline.mime import ParsedMessage

TEXT = 1500
"""Characters of text that are looked at."""
LOCAL = 64
"""Characters of a local part (RFC 5321 section 4.5.3.1.1)."""
RECIPIENTS = 10
"""More addresses than these in To and Cc are MANY."""

QUESTION, DEADLINE, LIST, BULK, AUTOMATIC, RECEIPT, INVOICE, TICKET, SECURITY_CODE, CALENDAR, PROMOTION = (
    1 << bit for bit in range(11)
)
NOTIFICATION, REPLY, MANY, URGENT = (1 << bit for bit in range(11, 15))
NAMES = {
    QUESTION: "question",
    DEADLINE: "deadline",
    LIST: "list",
    BULK: "bulk",
    AUTOMATIC: "automatic",
    RECEIPT: "receipt",
    INVOICE: "invoice",
    TICKET: "ticket",
    SECURITY_CODE: "security_code",
    CALENDAR: "calendar",
    PROMOTION: "promotion",
    NOTIFICATION: "notification",
    REPLY: "reply",
    MANY: "many",
    URGENT: "urgent",
}
"""By bit. A question is asked; something is due; it came by a mailing list (RFC 2919, RFC 2369); it went to many at
once (List-Unsubscribe, Precedence); a program wrote it (RFC 3834, no-reply); a receipt or an order; an invoice; a
ticket or a booking; a code to sign in with; an invitation or its answer; an offer sent in bulk; a notice that a program
sent; it answers another message; it went to many recipients by name; its sender calls it urgent."""
IMPORTANT = RECEIPT | INVOICE | TICKET | SECURITY_CODE
"""What nobody wants to lose while it is young."""

_SAYS_MORE = 12
"""Letters of a word that says as much as a phrase."""
_UNSPACED = re.compile("[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]")
_PUNCTUATION = bytes(byte if bytes([byte]).isalnum() or byte > 127 else 32 for byte in range(256))
_MARK = re.compile(r"""\?(?=["')\]»”]*(?:\s|$))""")
_MARKS = re.compile("[？؟]")
_ANNOUNCED = re.compile(r"[-_=]{2,} ?[^-_=\n]{5,40} ?[-_=]{2,}[ \t]*$")
_SAYS_WHO = re.compile(r"(?:on|am|le|el|il|em|op|den|på|w dniu|dne|v|в|\d|.*@).{8,250}[:：]\s*$", re.IGNORECASE)
_NUMBER = re.compile(rb"\d{4,8}")
_SECRETS = frozenset((b"code", b"pin", b"tan", b"kod", "código".encode(), b"codice", "код".encode()))
_ROBOT = re.compile(
    r"(?:^|[._+-])(?:no-?_?\.?reply|do-?_?\.?not-?_?\.?reply|mailer-daemon|postmaster|bounces?|notifications?|alerts?"
    r"|notify|noreply\d*|robot|automat\w*|system|daemon|nobody)(?:$|[._+-])",
    re.IGNORECASE,
)
_ABOVE = 60
"""Words at the top of a message that hold a code, if it is about one."""
_NEAR = 8
"""Words between it and what it is called."""

_FIELDS = {
    "list-id": LIST,
    "list-post": LIST,
    "mailing-list": LIST,
    "x-mailing-list": LIST,
    "x-beenthere": LIST,
    "list-unsubscribe": BULK,
    "feedback-id": BULK,
    "x-campaign": BULK,
    "x-campaignid": BULK,
    "x-csa-complaints": BULK,
    "x-autoreply": AUTOMATIC,
    "x-autorespond": AUTOMATIC,
    "x-auto-response-suppress": AUTOMATIC,
    "x-github-reason": AUTOMATIC | NOTIFICATION,
    "x-jira-fingerprint": AUTOMATIC | NOTIFICATION,
    "x-gitlab-notificationreason": AUTOMATIC | NOTIFICATION,
}
"""Fields that say it by being there."""
_VALUES = {
    "precedence": {"list": LIST, "bulk": BULK, "junk": BULK, "auto_reply": AUTOMATIC},
    "importance": {"high": URGENT},
    "priority": {"urgent": URGENT},
    "x-priority": {"1": URGENT, "2": URGENT},
    "return-path": {"<>": AUTOMATIC},
}


def _words(text: str) -> list[bytes]:
    """In lower case, without punctuation."""
    return text.lower().encode("utf-8", "replace").translate(_PUNCTUATION).split()


class _Lexicon:
    """Words and phrases by what they say."""

    def __init__(self) -> None:
        from mailsync.pipeline import feature_words as words  # whoever only wants to name what was noticed needs none

        kinds = (  # phrases, their bit, and whether a short word says it outside the subject, too
            (words.RECEIPT, RECEIPT, False),
            (words.INVOICE, INVOICE, False),
            (words.TICKET, TICKET, False),
            (words.SECURITY_CODE, SECURITY_CODE, False),
            (words.DEADLINE, DEADLINE, True),
            (words.ASKS, QUESTION, True),
            (words.PROMOTION, PROMOTION, True),
            (words.NOTIFICATION, NOTIFICATION, False),
        )
        self.anywhere: dict[bytes, int] = {}
        self.subject: dict[bytes, int] = {}
        self.phrases: dict[bytes, list[tuple[bytes, int]]] = {}
        """By their longest word."""
        self.unspaced: list[tuple[str, int]] = []
        for listed, bit, short in kinds:
            for phrase in listed.split("|"):
                if _UNSPACED.search(phrase):
                    self.unspaced.append((phrase, bit))
                    continue
                pieces = _words(phrase)
                word = max(reversed(pieces), key=len)  # the last of two: before it stands "your"
                if len(pieces) > 1:
                    self.phrases.setdefault(word, []).append((b" %b " % b" ".join(pieces), bit))
                elif short or len(phrase) >= _SAYS_MORE:
                    self.anywhere[word] = self.anywhere.get(word, 0) | bit
                else:
                    self.subject[word] = self.subject.get(word, 0) | bit
        self.days = frozenset(word.encode() for word in words.WHEN.split("|"))
        self.before = frozenset(b" ".join(_words(word)) for word in words.BY.split("|"))
        self.telling = frozenset((*self.anywhere, *self.phrases, *self.days))

    def found(self, subject: list[bytes], text: list[bytes]) -> int:
        """The bits of what is said; the subject is in the text, too."""
        bits = 0
        for word in subject:
            bits |= self.subject.get(word, 0)
        met = self.telling.intersection(text)
        if not met:
            return bits
        joined = b""
        for word in met:
            bits |= self.anywhere.get(word, 0)
            if word in self.phrases:
                joined = joined or b" %b " % b" ".join(text)
                for phrase, bit in self.phrases[word]:
                    if not bits & bit and phrase in joined:
                        bits |= bit
        if not bits & DEADLINE and met & self.days:
            bits |= DEADLINE * self.is_due(text)
        return bits

    def is_due(self, text: list[bytes]) -> bool:
        """Something has to be done by a day."""
        return any(
            word in self.days and (text[at - 1] in self.before or b" ".join(text[max(0, at - 2) : at]) in self.before)
            for at, word in enumerate(text)
            if at
        )


@cache
def _lexicon() -> _Lexicon:
    return _Lexicon()


def features(message: ParsedMessage) -> int:
    """The bits of NAMES that the message has."""
    bits = _of_header(message)
    text = message.text[:TEXT]
    if bits & REPLY:
        text = _own(text)
    title = " ".join([message.subject, *(one.name for one in message.attachments)])
    if ("?" in message.subject and _MARK.search(message.subject)) or ("?" in text and _MARK.search(text)):
        bits |= QUESTION
    subject = _words(title)
    told = subject + _words(text)
    lexicon = _lexicon()
    bits |= lexicon.found(subject, told)
    whole = f"{title}\n{text}"
    if not whole.isascii():
        if _MARKS.search(whole):
            bits |= QUESTION
        if _UNSPACED.search(whole):
            for phrase, bit in lexicon.unspaced:
                if not bits & bit and phrase in whole:
                    bits |= bit
    if not bits & (SECURITY_CODE | REPLY) and not _SECRETS.isdisjoint(told[:_ABOVE]):
        bits |= SECURITY_CODE * _tells_code(told[:_ABOVE])
    if not bits & BULK:
        bits &= ~PROMOTION
    if not bits & AUTOMATIC:
        bits &= ~NOTIFICATION
    return bits


def _tells_code(told: list[bytes]) -> bool:
    """A number of some digits stands near the word for a code."""
    return any(
        word in _SECRETS and any(map(_NUMBER.fullmatch, told[max(0, at - _NEAR) : at + _NEAR + 1]))
        for at, word in enumerate(told)
    )


def _own(text: str) -> str:
    """What the author of an answer wrote, nearly: `quotes` knows better, and takes longer."""
    kept: list[str] = []
    lines = text.split("\n")
    for at, line in enumerate(lines):
        first = line[:1]
        if first == ">":
            continue
        if first == "-" and (line in ("-- ", "--") or _ANNOUNCED.match(line)):
            break
        if line.endswith((":", "：", ": ")) and _SAYS_WHO.match(line):
            below = next((one for one in lines[at + 1 : at + 3] if one.strip()), "")
            if below[:1] != ">":
                break
            continue
        kept.append(line)
    return "\n".join(kept)


def _of_header(message: ParsedMessage) -> int:
    bits = 0
    for name, value in message.headers:
        name = name.lower()
        if name in _FIELDS:
            bits |= _FIELDS[name]
        elif name in _VALUES:
            bits |= _VALUES[name].get(value[:20].partition(" ")[0].lower(), 0)
        elif name == "auto-submitted":
            bits |= AUTOMATIC * (not value.lower().startswith("no"))
    people = message.people
    for one in people.get("from", ()):
        if _ROBOT.search(one.addr[:LOCAL].partition("@")[0]):
            bits |= AUTOMATIC
    if len(people.get("to", ())) + len(people.get("cc", ())) > RECIPIENTS:
        bits |= MANY
    if message.references or message.in_reply_to:
        bits |= REPLY
    if "calendar" in message.holds:
        bits |= CALENDAR
    if "report" in message.holds:
        bits |= AUTOMATIC
    return bits
