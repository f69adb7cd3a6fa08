"""What joins messages to threads: `keys`, pure; and `tree`, how a thread is shown (the algorithm of J. Zawinski, JWZ).

Threads are the connected parts of a graph. A message brings its nodes to it, which are hashes of 63 bits: of its own
Message-ID and of those it refers to. It never takes any away, so the same messages make the same threads whatever the
order they come in. A reply that refers to nothing is joined by its subject; that, too, is a rule for pairs of messages,
of which each can tell on its own what it offers or demands:

    offers    subject + whom to answer (From, Reply-To)        every message
    demands   subject + each recipient                         a reply without references

An offer and an equal demand make one thread of two messages, if both are dated within the same or neighbouring periods
of 30 days.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from hashlib import blake2b
from typing import NamedTuple

from mailsync.model import SUBJECT_BITS, SUBJECT_PERIOD

REFERENCES = 100
"""Message ids of one message that count: the first, which began the thread, and the last. Real threads keep below."""
PEOPLE = 30
"""Recipients of one reply that count for its subject, and a tenth as many whom to answer."""
SUBJECT = 500
"""Characters of a subject that are looked at."""
SHORTEST = 4
"""Bytes of UTF-8 below which a subject joins nothing: two ideograms, or "Lunch", but not "Hi"."""

_REPLY = (
    "re res ref rif r aw antw antwort sv vs vá odp odg ats atb bls ynt rép réf resp отв ответ на відп απ σχετ השב "
    "תגובה رد 回复 回復 回覆 答复 答復 答覆 返信 회신 답장 ตอบ ตอบกลับ trả·lời"
)
"""VS is a reply in Finland, and a forward in Denmark."""
_FORWARD = (
    "fw fwd wg tr rv enc i pd vb vl fs doorst továbbítás trs yml ilt i̇lt пересл πρθ הועבר إعادة·توجيه "
    "转发 轉發 轉寄 転送 전달 ส่งต่อ chuyển·tiếp"
)


def _words(text: str) -> dict[str, None]:
    return dict.fromkeys(word.replace("·", " ") for word in text.split())


_REPLIES = frozenset(_words(_REPLY))
_PREFIXES = _REPLIES | frozenset(_words(_FORWARD))
# RFC 5256 section 5 (subj-refwd, subj-blob), with the words of more languages and the counters of many programs.
_LEADER = re.compile(r"([^\[\]:(^*]{1,14}?) ?(?:\[[^\[\]]{0,100}\]|\(\d{1,4}\)|[\^*]\d{1,4})?+ ?:")
_TAG = re.compile(r"(?:\[[^\[\]]{0,100}\]|【[^【】]{0,100}】) ?")
_NUMBER = re.compile(r"\d{3}|#\s*\d")


class Keys(NamedTuple):
    """What a message brings to the graph; all numbers have 63 bits at most."""

    own: int
    """Of its Message-ID; 0 without one."""
    references: tuple[int, ...]
    """Of those it refers to."""
    subjects: tuple[int, ...]
    """Offers, which are even, and demands: the number of the offer that is looked for, and 1."""


def base_subject(subject: str) -> tuple[str, bool]:
    """A subject without what replies, forwards and lists put before and behind it (RFC 5256 section 2.1), and whether
    it is that of a reply: its first prefix says so.

    What stays is compared, so it is normalised (NFKC, single blanks). A tag in brackets that has a number of three
    digits or more stays: it is a ticket's, and no list's.
    """
    text = subject[:SUBJECT]
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    text = " ".join(text.split())
    reply: bool | None = None
    while True:
        if text[-5:].casefold() == "(fwd)":
            text = text[:-5].rstrip()
        elif ":" in text[:128] and (match := _LEADER.match(text)) and (word := match[1].casefold()) in _PREFIXES:
            if reply is None:
                reply = word in _REPLIES
            text = text[match.end() :].lstrip()
        elif (tag := _TAG.match(text)) and tag.end() < len(text) and not _NUMBER.search(tag[0]):
            text = text[tag.end() :]
        elif text[:5].casefold() == "[fwd:" and text[-1] == "]":
            reply = bool(reply)
            text = text[5:-1].strip()
        else:
            return text, bool(reply)


def keys(
    message_id: str,
    references: Sequence[str],
    subject: str,
    senders: Sequence[str],
    recipients: Sequence[str],
    date: int | None,
) -> Keys:
    """What joins a message to others.

    `references` with In-Reply-To among them, the oldest first; `senders` of From and Reply-To, `recipients` of To and
    Cc, addresses as they are; `date` in Unix seconds, None for one that is absent or absurd: then its subject joins it
    to nothing.
    """
    if len(references) > REFERENCES:
        references = [references[0], *references[1 - REFERENCES :]]
    others = dict.fromkeys(references)
    if others:
        others.pop(message_id, None)
        for one in (*senders, *recipients[:PEOPLE]):  # programs exist that name the person whom they answer
            others.pop(f"<{one}>", None)
    base, reply = base_subject(subject)
    return Keys(
        _hash(message_id) if message_id else 0,
        tuple([_hash(one) for one in others]),
        _subjects(base, senders[: PEOPLE // 10], recipients[:PEOPLE] if reply and not others else (), date),
    )


def _subjects(base: str, offering: Sequence[str], demanding: Sequence[str], date: int | None) -> tuple[int, ...]:
    whole = base.casefold().encode("utf-8", "replace")
    if date is None or date < SUBJECT_PERIOD or date >> 32 or len(whole) < SHORTEST:
        return ()
    period = date // SUBJECT_PERIOD
    found = dict.fromkeys(period << SUBJECT_BITS | _pair(whole, one) for one in offering if one)
    for one in demanding:
        if one:
            pair = _pair(whole, one) | 1
            found |= dict.fromkeys(near << SUBJECT_BITS | pair for near in (period - 1, period, period + 1))
    return tuple(found)


def _pair(base: bytes, person: str) -> int:
    """An even number of 52 bits."""
    told = blake2b(b"%s\0%s" % (base, person.strip().casefold().encode("utf-8", "replace")), digest_size=7).digest()
    return int.from_bytes(told) >> 4 & ~1


def _hash(message_id: str) -> int:
    return int.from_bytes(blake2b(message_id.encode("utf-8", "replace"), digest_size=8).digest()) >> 1 or 1
