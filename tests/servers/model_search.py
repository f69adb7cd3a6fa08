"""SEARCH on a model folder (RFC 3501 section 6.4.4, ESEARCH of RFC 4731, PARTIAL of RFC 9394)."""

from __future__ import annotations

import email
import email.policy
from collections.abc import Callable, Sequence
from datetime import date, datetime

from mailsync.imap.uidset import UidSet
from tests.servers.model import ModelMail
from tests.servers.scripted import Word

Test = Callable[[int, int, ModelMail], bool]
"""Of sequence number, UID and message."""
FLAGS = ("Seen", "Answered", "Flagged", "Deleted", "Draft")


def parse(words: Sequence[Word], uids: Sequence[int]) -> Test:
    """The conjunction of search keys; ValueError or IndexError when it is none. `uids` are those of the folder."""
    return _all(list(words), uids)


def _all(left: list[Word], uids: Sequence[int]) -> Test:
    tests = []
    while left:
        tests.append(_one(left, uids))
    if not tests:
        raise ValueError("no search key")
    return lambda seq, uid, mail: all(test(seq, uid, mail) for test in tests)


def _one(left: list[Word], uids: Sequence[int]) -> Test:
    word = left.pop(0)
    if isinstance(word, list):
        return _all(list(word), uids)
    key = word.decode().upper()
    for name in FLAGS:
        flag = "\\" + name
        if key == name.upper():
            return lambda seq, uid, mail: flag in mail.flags
        if key == "UN" + name.upper():
            return lambda seq, uid, mail: flag not in mail.flags
    highest = uids[-1] if uids else 0
    match key:
        case "ALL" | "OLD":
            return lambda seq, uid, mail: True
        case "NEW" | "RECENT":
            return lambda seq, uid, mail: False
        case "UID":
            chosen = UidSet.parse(_text(left), star=max(highest, 1))
            return lambda seq, uid, mail: uid in chosen
        case "NOT":
            inner = _one(left, uids)
            return lambda seq, uid, mail: not inner(seq, uid, mail)
        case "OR":
            one, other = _one(left, uids), _one(left, uids)
            return lambda seq, uid, mail: one(seq, uid, mail) or other(seq, uid, mail)
        case "KEYWORD" | "UNKEYWORD":
            wanted, keyword = key == "KEYWORD", _text(left).lower()
            return lambda seq, uid, mail: (keyword in {flag.lower() for flag in mail.flags}) is wanted
        case "LARGER":
            over = int(_text(left))
            return lambda seq, uid, mail: len(mail.raw) > over
        case "SMALLER":
            under = int(_text(left))
            return lambda seq, uid, mail: len(mail.raw) < under
        case "SINCE":
            day = _day(_text(left))
            return lambda seq, uid, mail: mail.date.date() >= day
        case "BEFORE":
            end = _day(_text(left))
            return lambda seq, uid, mail: mail.date.date() < end
        case "ON":
            that = _day(_text(left))
            return lambda seq, uid, mail: mail.date.date() == that
        case "HEADER":
            name, value = _text(left), _text(left)
            return lambda seq, uid, mail: value.lower() in _header(mail, name)
        case "FROM" | "TO" | "CC" | "BCC" | "SUBJECT":
            text = _text(left).lower()
            return lambda seq, uid, mail: text in _header(mail, key)
        case "TEXT":
            inside = _text(left).lower().encode()
            return lambda seq, uid, mail: inside in mail.raw.lower()
        case "BODY":
            below = _text(left).lower().encode()
            return lambda seq, uid, mail: below in mail.raw.lower().partition(b"\r\n\r\n")[2]
        case "MODSEQ":
            least = int(_text(left))
            return lambda seq, uid, mail: mail.modseq >= least
        case "EMAILID":
            identity = _text(left)
            return lambda seq, uid, mail: identity == f"M{mail.identity}"
        case "X-GM-MSGID":
            number = int(_text(left))
            return lambda seq, uid, mail: mail.identity == number
    numbers = UidSet.parse(key, star=max(len(uids), 1))
    return lambda seq, uid, mail: seq in numbers


def _text(left: list[Word]) -> str:
    word = left.pop(0)
    if isinstance(word, list):
        raise ValueError("a list where a string belongs")
    return word.decode()


def _day(text: str) -> date:
    return datetime.strptime(text, "%d-%b-%Y").date()  # noqa: DTZ007  a date has no zone here


def _header(mail: ModelMail, name: str) -> str:
    parsed = email.message_from_bytes(mail.raw, policy=email.policy.compat32)
    return "\n".join(str(value) for value in parsed.get_all(name, [])).lower()


def esearch(tag: str, found: Sequence[int], wanted: Sequence[str], options: Sequence[str]) -> bytes:
    """The ESEARCH response to the result options `wanted`; `options` holds what follows PARTIAL."""
    told = ""
    if "MIN" in wanted and found:
        told += f" MIN {found[0]}"
    if "MAX" in wanted and found:
        told += f" MAX {found[-1]}"
    if "COUNT" in wanted:
        told += f" COUNT {len(found)}"
    if ("ALL" in wanted or not wanted) and found:
        told += f" ALL {UidSet.from_uids(found)}"
    if "PARTIAL" in wanted:
        window = options[0]
        low, high = sorted(abs(int(end)) for end in window.split(":"))
        part = found[low - 1 : high] if not window.startswith("-") else found[::-1][low - 1 : high]
        told += f" PARTIAL ({window} {UidSet.from_uids(part) or 'NIL'})"
    return f'* ESEARCH (TAG "{tag}") UID{told}\r\n'.encode()
