"""What is noticed in a message at a glance: `features`, a few bits for triage, for rules and for what protects. Pure.

A glance, since every message is looked at: the header fields, the subject, and the first TEXT characters of what the
author wrote. Words are told apart once and looked up in sets; see `feature_words`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from mailsync.pipeline import feature_words as words
from mailsync.pipeline.mime import ParsedMessage

TEXT = 4096
"""Characters of text that are looked at."""
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
_MARK = re.compile(r"""\?(?=["')\]»”]*(?:\s|$))|[？؟]""")
_QUOTED = re.compile(r"^ ? ?>.*\n?", re.MULTILINE)
_REST = re.compile(
    r"^(?:[-_=]{5,}|[-_=]{2,} ?[^-\n]{5,40} ?[-_=]{2,}[ \t]*$|-- ?$"
    r"|(?:on|am|le|el|il|em|op|den|w dniu|dne|from|von|de)\b.{10,200}[:：][ \t]*$)",
    re.MULTILINE | re.IGNORECASE,
)
"""Where what the author wrote ends: a rule, the signature, or a line that says who wrote what follows."""
_CODE = re.compile(
    rb" (?:code|pin|tan|codigo|kod|codice) .{0,60} \d{4,8} | \d{4,8} .{0,60} (?:code|pin|tan|kod|codice) "
)
_ROBOT = re.compile(
    r"(?:^|[._+-])(?:no-?_?\.?reply|do-?_?\.?not-?_?\.?reply|mailer-daemon|postmaster|bounces?|notifications?|alerts?"
    r"|notify|noreply\d*|robot|automat\w*|system|daemon|nobody)(?:$|[._+-])",
    re.IGNORECASE,
)

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


def _folded(text: str) -> bytes:
    """Words parted by one blank each, with one before and behind."""
    return b" %b " % b" ".join(text.lower().encode("utf-8", "replace").translate(_PUNCTUATION).split())


class _Lexicon:
    """Words and phrases by what they say."""

    def __init__(self, kinds: Iterable[tuple[str, int, bool]]) -> None:
        """`kinds`: phrases, their bit, and whether a short word says it outside the subject, too."""
        self.anywhere: dict[bytes, int] = {}
        self.subject: dict[bytes, int] = {}
        self.phrases: dict[bytes, list[tuple[bytes, int]]] = {}
        self.unspaced: list[tuple[str, int]] = []
        for listed, bit, short in kinds:
            for phrase in listed.split("|"):
                if _UNSPACED.search(phrase):
                    self.unspaced.append((phrase, bit))
                    continue
                folded = _folded(phrase)
                pieces = folded.split()
                word = max(pieces, key=len)
                if len(pieces) > 1:
                    self.phrases.setdefault(word, []).append((folded, bit))
                elif short or len(phrase) >= _SAYS_MORE:
                    self.anywhere[word] = self.anywhere.get(word, 0) | bit
                else:
                    self.subject[word] = self.subject.get(word, 0) | bit
        self.telling = frozenset(self.anywhere) | frozenset(self.phrases)
        self.titles = frozenset(self.subject)

    def found(self, subject: bytes, text: bytes) -> int:
        """The bits of what is said; both folded."""
        bits = 0
        for word in self.telling.intersection(text.split()):
            bits |= self.anywhere.get(word, 0)
            for phrase, bit in self.phrases.get(word, ()):
                if not bits & bit and phrase in text:
                    bits |= bit
        for word in self.titles.intersection(subject.split()):
            bits |= self.subject[word]
        return bits


_lexicon = _Lexicon(
    (
        (words.RECEIPT, RECEIPT, False),
        (words.INVOICE, INVOICE, False),
        (words.TICKET, TICKET, False),
        (words.SECURITY_CODE, SECURITY_CODE, False),
        (words.DEADLINE, DEADLINE, True),
        (words.ASKS, QUESTION, True),
        (words.PROMOTION, PROMOTION, True),
        (words.NOTIFICATION, NOTIFICATION, False),
        ("|".join(f"{by} {when}" for by in words.BY.split("|") for when in words.WHEN.split("|")), DEADLINE, True),
    )
)


def features(message: ParsedMessage) -> int:
    """The bits of NAMES that the message has."""
    bits = _of_header(message)
    text = message.text[:TEXT]
    if ">" in text:
        text = _QUOTED.sub("", text)
    rest = _REST.search(text)
    if rest is not None:
        text = text[: rest.start()]
    title = message.subject
    for one in message.attachments:
        title += f" {one.name}"
    if _MARK.search(message.subject) or _MARK.search(text):
        bits |= QUESTION
    subject = _folded(title)
    told = subject + _folded(text)
    bits |= _lexicon.found(subject, told)
    if not told.isascii():
        whole = f"{title}\n{text}"
        if _UNSPACED.search(whole):
            for phrase, bit in _lexicon.unspaced:
                if not bits & bit and phrase in whole:
                    bits |= bit
    if not bits & SECURITY_CODE and _CODE.search(told[:600]):
        bits |= SECURITY_CODE
    if not bits & BULK:
        bits &= ~PROMOTION
    if not bits & AUTOMATIC:
        bits &= ~NOTIFICATION
    return bits


def _of_header(message: ParsedMessage) -> int:
    bits = 0
    for name, value in message.headers:
        name = name.lower()
        bits |= _FIELDS.get(name, 0)
        if name in _VALUES:
            bits |= _VALUES[name].get(value[:20].partition(" ")[0].lower(), 0)
        elif name == "auto-submitted":
            bits |= AUTOMATIC * (not value.lower().startswith("no"))
    people = message.people
    for one in people.get("from", ()):
        if _ROBOT.search(one.addr.partition("@")[0]):
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
