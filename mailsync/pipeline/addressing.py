"""Whether a message is addressed to the user, by address or by name, and whether it came through a list. Pure.

Where it is in doubt, it is: what the clean-up spares and what triage puts first is decided here. An address is the
user's in every spelling that the same mailbox answers to: any case, an extension behind it (RFC 5233), Gmail's dots,
both forms of an international domain, a subdomain that stands for the local part. A name is looked for as whole words,
without regard to case and accents.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from mailsync.pipeline.addresses import addresses
from mailsync.record import record

if TYPE_CHECKING:
    from mailsync.config.models import Config
    from mailsync.pipeline.mime import ParsedMessage

Addressed = Literal["to", "cc", "bcc", "name"]

RECIPIENTS: dict[str, Literal["to", "cc", "bcc"]] = {
    "to": "to",
    "resent-to": "to",
    "apparently-to": "to",
    "cc": "cc",
    "resent-cc": "cc",
    "bcc": "bcc",
    "resent-bcc": "bcc",
    "x-to": "to",
    "x-cc": "cc",
    "x-bcc": "bcc",
    "mail-followup-to": "cc",
}
"""The fields that say whom a message is for (RFC 5322 sections 3.6.3 and 3.6.6), and what each amounts to; what
gateways and lists make of them too."""
_ORDER: tuple[Literal["to", "cc", "bcc"], ...] = ("to", "cc", "bcc")
_REASONS: dict[str, Literal["to", "cc"]] = {
    "assign": "to",
    "assigned": "to",
    "review_requested": "to",
    "mention": "cc",
    "mentioned": "cc",
    "directly_addressed": "to",
}
"""What X-GitHub-Reason and X-GitLab-NotificationReason say of mail that shows the project in To, whoever it is for."""
_LIST_FIELDS = frozenset({"list-id", "list-post", "x-beenthere", "x-mailing-list", "mailing-list"})
_BULK_FIELDS = _LIST_FIELDS | {"list-unsubscribe", "list-help", "list-subscribe", "list-owner", "list-archive"}
_BULK_FIELDS |= {"feedback-id", "x-csa-complaints"}
_PROGRAM = re.compile(
    r"(?:[\w.+-]*[._+-])?(?:no-?_?reply|do-?_?not-?_?reply|notifications?|alerts?|newsletters?)(?:[._+-][\w.+-]*)?@",
    re.IGNORECASE,
)
"""Who nobody can write back to is nobody."""
_LOCAL = re.compile(r"[\w.+#-]+\Z")
_DOMAIN = re.compile(r"[\w.。-]+")
_LONGEST = 128
"""Characters of either side of an address in a text."""
_IN_ANGLES = re.compile(r"<([^<>]+)>")

_EXTENSIONS = "+-=#"
"""What may part a local part from its extension: mail servers are set to one of these."""
_SAME_DOMAIN = {
    "googlemail.com": "gmail.com",
    "me.com": "icloud.com",
    "mac.com": "icloud.com",
    "protonmail.com": "proton.me",
    "protonmail.ch": "proton.me",
    "pm.me": "proton.me",
    "ya.ru": "yandex.ru",
    "yandex.com": "yandex.ru",
}
_DOTLESS = frozenset({"gmail.com", "proton.me"})
"""Where dots in the local part mean nothing."""

_MARKS = re.compile(
    "[\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0670\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f"
    "\xad\u061c\u115f\u1160\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufffd\U000e0000-\U000e0fff]"
)
"""Accents, points, and characters without width."""
_UNSEEN = re.compile("[\xad\u034f\u061c\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe00-\ufe0f\ufeff]")
"""Characters without width: some programs put them into an address lest it becomes a link."""
_LETTERS = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "æ": "ae", "œ": "oe", "þ": "th", "ı": "i"})
_SPECIAL = re.compile("[øłđðæœþı]")
_WRITTEN_OUT = (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("å", "aa"), ("ø", "oe"))
"""What people write for a letter that their keyboard lacks."""
_WITHOUT_BLANKS = re.compile(
    "[\u0590-\u08ff\u0e00-\u0eff\u1100-\u11ff\u3040-\u30ff\u3130-\u318f\u3400-\u9fff\uac00-\ud7af]"
)
"""Scripts that put no blank around a name, or hang particles on it."""
_UNSPACED = re.compile("[\u1100-\u11ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
"""Scripts in which the parts of a name are written with a blank between them or without."""
_WORD = re.compile(r"[^\W_]+")
_GREETINGS = (
    "hi|hello|hey|dear|mr|mrs|ms|miss|mister|dr|prof|professor|hallo|liebe|lieber|liebes|herr|herrn|frau|geehrter|"
    "geehrte|moin|servus|bonjour|bonsoir|salut|cher|chere|monsieur|madame|mme|hola|querido|querida|estimado|estimada|"
    "senor|senora|sr|sra|ciao|caro|cara|gentile|signor|signora|sig|ola|prezado|prezada|caros|beste|geachte|heer|mevrouw|"
    "dag|hej|hejsan|kara|kare|hei|moi|kjaere|czesc|drogi|droga|pan|pani|ahoj|mily|mila|szia|kedves|merhaba|sayin|"
    "привет|здравствуите|уважаемыи|уважаемая|дорогои|дорогая"
)
"""Behind which a word of a longer name is somebody who is spoken to; without accents."""
_GREETED = rf"(?<![^\W_])(?:{_GREETINGS})[\W_]{{1,5}}"
_SILENT = re.compile(r"<(style|script)\b[^<>]*>?", re.IGNORECASE)
_CLOSING = {name: re.compile(rf"</{name}[^<>]*>?", re.IGNORECASE) for name in ("style", "script")}
_SPOKEN = re.compile(r"""\s(?:alt|title|aria-label)\s*+=\s*+("[^"<>]*+"|'[^'<>]*+')""", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>?")


@record(frozen=True)
class Identity:
    """Who the user is, in all accounts together; both as they are written."""

    addresses: frozenset[str]
    """"@example.com" is every address of that domain."""
    names: tuple[str, ...] = ()


def identity(config: Config) -> Identity:
    """The user of a configuration: address, aliases and names of every account, and the names they sign in with."""
    accounts = config.accounts.values()
    known = {one for account in accounts for one in (account.email, *account.aliases, account.username) if "@" in one}
    return Identity(frozenset(known), tuple(dict.fromkeys(name for account in accounts for name in account.names)))


def addressed(message: ParsedMessage, me: Identity) -> Addressed | None:
    """How a message is addressed to the user: a field holds an address of theirs, or it calls them by name."""
    found = _fields(message, me)
    for field in _ORDER:
        if field in found:
            return field
    return "name" if calls(message, me) else None


def _fields(message: ParsedMessage, me: Identity) -> set[str]:
    found: set[str] = set()
    for name, value in message.headers:
        field = RECIPIENTS.get(name.lower())
        if field is not None:
            if field not in found and holds_address(value, me):
                found.add(field)
        elif name[:5].lower() == "x-git" and name.lower() in ("x-github-reason", "x-gitlab-notificationreason"):
            reason = _REASONS.get(value.strip().lower())
            if reason is not None:
                found.add(reason)
    # What is encoded is parsed before it is decoded there, so that a comma in a name parts nothing.
    for field in _ORDER:
        if any(is_mine(one.addr, me) or is_called(one.name, me) for one in message.people.get(field, ())):
            found.add(field)
    return found


def holds_address(value: str, me: Identity) -> bool:
    """An address of the user is in a field, however broken: in a group, a comment, a display name."""
    return any(is_mine(one.addr, me) for one in addresses(value)) or mentions(value, me)


def mentions(text: str, me: Identity) -> bool:
    """An address of the user stands in a text."""
    return ("@" in text or "\uff20" in text) and any(is_mine(one, me) for one in _in_text(text))


def _in_text(text: str) -> Iterator[str]:
    """What looks like an address."""
    if not text.isascii():
        text = _UNSEEN.sub("", text).replace("\uff20", "@")
    pieces = text.split("@")
    for before, behind in pairwise(pieces):
        local, domain = _LOCAL.search(before[-_LONGEST:]), _DOMAIN.match(behind[:_LONGEST])
        if local is not None and domain is not None:
            yield f"{local.group().lstrip('.+#-')}@{domain.group()}"


def calls(message: ParsedMessage, me: Identity) -> bool:
    """A name of the user is in the subject, in the text, own or quoted, shown or hidden, or beside an address."""
    if not me.names:
        return False
    told = [message.subject, message.text, html_says(message.html)]
    told += [one.name for field in _ORDER for one in message.people.get(field, ()) if one.name]
    return any(names(text, me) for text in told)


def names(text: str, me: Identity) -> bool:
    """A name of the user is in a text."""
    if not text or not me.names:
        return False
    folded = _folded(text)
    return any(
        all(piece in folded for piece in pieces) and pattern.search(folded) for pieces, pattern in _matcher(me).names
    )


def is_called(name: str, me: Identity) -> bool:
    """A name beside an address is one of the user's, and nothing more: the address is one that they did not tell of."""
    if not name or not me.names:
        return False
    told = " ".join(_WORD.findall(_folded(name)))
    return any(pattern.fullmatch(told) for _, pattern in _matcher(me).names)


@lru_cache(maxsize=4)
def html_says(html: str) -> str:
    """All that HTML says, what it hides too, but for styles and scripts: with tags that part words, with tags that
    part none, and what stands in the place of pictures."""
    if not html:
        return ""
    from html import unescape

    shown = _without_silent(html)
    said = [_TAG.sub(" ", shown), _TAG.sub("", shown), *(one[1:-1] for one in _SPOKEN.findall(shown))]
    return unescape("\n".join(said))


@lru_cache(maxsize=4096)
def is_mine(address: str, me: Identity) -> bool:
    """An address of the user, or an extension of one."""
    found = canonical(address)
    if not found:
        return False
    known = _matcher(me).addresses
    local, _, domain = found.rpartition("@")
    if found in known or f"@{domain}" in known:
        return True
    for at, character in enumerate(local[:256]):
        if at and character in _EXTENSIONS and f"{local[:at]}@{domain}" in known:
            return True
    user, _, rest = domain.partition(".")
    if f"{user}@{rest}" in known:
        return True
    name, route, host = local.rpartition("%")  # me%example.com@relay: by way of a relay
    return bool(name and route) and len(local) < _LONGEST and is_mine(f"{name}@{host}", me)


@lru_cache(maxsize=4096)
def canonical(address: str) -> str:
    """One spelling of an address for all that mean the same mailbox; "" where it is none.

    Domains in Unicode, and what two rules for them spell differently (`ß`, `ss`) is the same.
    """
    local, at, domain = address.strip().strip("<>").rpartition("@")
    if not at:
        return ""
    local = "".join(unicodedata.normalize("NFKC", local).casefold().replace('"', "").replace("\\", "").split())
    domain = unicodedata.normalize("NFKC", domain).casefold().replace("。", ".")
    domain = ".".join(_unicode(label) for label in "".join(domain.split()).strip(".").split("."))
    domain = _SAME_DOMAIN.get(domain, domain)
    if domain in _DOTLESS:
        local = local.replace(".", "")
    return f"{local}@{domain}" if domain else ""


def _unicode(label: str) -> str:
    """A label of a domain as people read it (RFC 3492)."""
    if not label.startswith("xn--") or len(label) > 63:
        return label
    try:
        return unicodedata.normalize("NFKC", label[4:].encode("ascii").decode("punycode")).casefold()
    except UnicodeError:
        return label


# -- lists -----------------------------------------------------------------------------------------------------------


def distributed(message: ParsedMessage) -> bool:
    """It says that it went to many, or that a program sent it of its own accord: what else is a letter to somebody."""
    for name, value in message.headers:
        field = name.lower()
        if field in _BULK_FIELDS and value.strip():
            return True
        if field == "precedence" and value.strip().lower() in ("bulk", "list", "junk"):
            return True
        if field == "auto-submitted" and value.strip().lower().startswith("auto-generated"):
            return True
    return any(_PROGRAM.match(one.addr) for one in message.people.get("from", ()))


def through_list(message: ParsedMessage, lists: frozenset[str] | None = None) -> bool:
    """It came through a list (RFC 2919, RFC 2369) that shows only the list in To and Cc. `lists` are its
    `list_addresses`, where these are known."""
    lists = list_addresses(message) if lists is None else lists
    if not lists:
        return False
    shown = [one.addr for field in _ORDER for one in message.people.get(field, ())]
    resent = [value for name, value in message.headers if name[:7].lower() == "resent-" and name.lower() in RECIPIENTS]
    shown += [one.addr for value in resent for one in addresses(value)]
    return bool(shown) and all(canonical(one) in lists for one in shown)


def list_addresses(message: ParsedMessage) -> frozenset[str]:
    """The addresses, `canonical`, that the list which a message came through calls its own."""
    found: set[str] = set()
    for name, value in message.headers:
        field = name.lower()
        if field not in _LIST_FIELDS:
            continue
        if field == "list-id":
            # dev.lists.example.org is dev@lists.example.org: the first label or more are the local part.
            identifier = (_IN_ANGLES.findall(value) or [value])[-1].strip()
            labels = identifier.split(".")
            found |= {f"{'.'.join(labels[:at])}@{'.'.join(labels[at:])}" for at in range(1, min(len(labels), 6))}
        else:
            found |= set(_in_text(value))
    return frozenset(filter(None, map(canonical, found)))


# -- names -----------------------------------------------------------------------------------------------------------


@record(frozen=True)
class _Matcher:
    addresses: frozenset[str]
    names: tuple[tuple[list[str], re.Pattern[str]], ...]
    """What a text with the name holds, in any order, and what the name looks like."""


@lru_cache(maxsize=16)
def _matcher(me: Identity) -> _Matcher:
    known = {canonical(one.replace("*@", "@")) for one in me.addresses}
    for one in [*known]:
        local, _, domain = one.rpartition("@")
        if "+" in local[1:]:
            known.add(f"{local.partition('+')[0]}@{domain}")
    spellings = dict.fromkeys(spelling for name in me.names for spelling in _spellings(name))
    wanted = [words for spelling in spellings if (words := _WORD.findall(spelling))]
    found = [([piece for word in words for piece in _pieces(word)], _pattern(words)) for words in wanted]
    each = dict.fromkeys(word for words in wanted if len(words) > 1 for word in words if len(word) > 1)
    found += [([word], re.compile(rf"{_GREETED}{_word(word)}")) for word in each]
    return _Matcher(frozenset(filter(None, known)), tuple(found))


def _pieces(word: str) -> Iterable[str]:
    return word if _UNSPACED.search(word) else [word]


def _pattern(words: list[str]) -> re.Pattern[str]:
    """What a name looks like in a folded text: its words in their order, or the last one first."""
    orders = [words, [words[-1], *words[:-1]]] if len(words) > 1 else [words]
    between = r"[\W_]{0,5}" if all(map(_UNSPACED.search, words)) else r"[\W_]{1,5}"
    return re.compile("|".join(between.join(map(_word, order)) for order in orders))


def _spellings(name: str) -> Iterable[str]:
    plain = unicodedata.normalize("NFC", name).casefold()
    written_out, contracted = plain, plain
    for letter, letters in _WRITTEN_OUT:
        written_out = written_out.replace(letter, letters)
        contracted = contracted.replace(letters, letter)
    return dict.fromkeys(map(_folded, (plain, written_out, contracted)))


def _word(word: str) -> str:
    if _UNSPACED.search(word):
        return r"[\W_]{0,2}".join(map(re.escape, word))
    if _WITHOUT_BLANKS.search(word):
        return re.escape(word)
    return rf"(?<![^\W_]){re.escape(word)}(?![^\W_])"


def _folded(text: str) -> str:
    """Without case, accents, and characters that are not seen."""
    if text.isascii():
        return text.lower()
    text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    text = _MARKS.sub("", text)
    return text.translate(_LETTERS) if _SPECIAL.search(text) else text


def _without_silent(html: str) -> str:
    """HTML without its styles and scripts; one that is never closed stays."""
    kept: list[str] = []
    absent: set[str] = set()
    at = 0
    while (opening := _SILENT.search(html, at)) is not None:
        name = opening[1].lower()
        closing = None if name in absent else _CLOSING[name].search(html, opening.end())
        if closing is None:
            absent.add(name)
        kept.append(html[at : opening.start() if closing else opening.end()])
        at = closing.end() if closing else opening.end()
    return "".join([*kept, html[at:]])
