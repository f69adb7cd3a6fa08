"""The parses that ruby-net-imap expects and ours, both as plain tuples that can be compared."""

from __future__ import annotations

from typing import Any

from mailsync.imap import responses as r
from mailsync.imap.uidset import UidSet


def flat(value: Any) -> list[str | None]:
    """Every single value in it, in order, as text: structs, lists and tuples are opened; numbers become text."""
    if isinstance(value, dict):
        return [word for key, inner in value.items() if key != "!" for word in flat(inner)]
    if isinstance(value, list | tuple):
        return [word for inner in value for word in flat(inner)]
    if isinstance(value, bytes):
        value = r.as_text(value)
    if isinstance(value, str) and value.startswith(":"):
        value = "\\" + value[1:]  # a Ruby symbol is how that library writes a system flag
    return [None if value is None else str(value)]


def expected(entry: dict[str, Any]) -> tuple[Any, ...]:
    """The `:expected:` of one test."""
    kind = entry["!"].rpartition("::")[2]
    name = entry.get("name")
    data: Any = entry.get("data")
    if kind == "ContinuationRequest":
        return ("continuation", data["text"])
    if kind == "TaggedResponse":
        return ("tagged", entry["tag"], name, *_expected_text(data))
    if name in ("OK", "NO", "BAD", "BYE", "PREAUTH"):
        return (name, *_expected_text(data))
    if name in ("FETCH", "UIDFETCH"):
        items = {_item_name(key): flat(value) for key, value in data["attr"].items()}
        return (name, data.get("seqno", data.get("uid")), items)
    if name == "ESEARCH":
        return (name, data["tag"], data["uid"], {key: _result(value) for key, value in data["data"]})
    if name == "SEARCH":
        if isinstance(data, list):
            return (name, sorted(data), None)
        return (name, sorted(data["internal"]), next(iter(data["ivars"].values())))
    if name in ("LIST", "LSUB", "XLIST"):
        return (name, sorted(map(str, flat(data["attr"]))), data["delim"], data["name"])
    if name == "NAMESPACE":
        return (
            name,
            *([(one["prefix"], one["delim"]) for one in data[key]] for key in ("personal", "other", "shared")),
        )
    if name == "STATUS":
        return (name, data["mailbox"], {key: flat(value) for key, value in data["attr"].items()})
    if name == "VANISHED":
        return (name, data["earlier"], data["uids"]["string"])
    if name in ("CAPABILITY", "ENABLED", "FLAGS"):
        return (name, sorted(map(str, flat(data))))
    if name == "ID":
        return (name, {key: value for key, value in (data or {}).items() if key != "!"})
    if name == "THREAD":
        return (name, [_expected_thread(member) for member in data])
    return (name, flat(data))


def _expected_text(data: dict[str, Any]) -> tuple[Any, ...]:
    code = data.get("code")
    if code is None:
        return (None, data["text"])
    value = code["data"]
    if isinstance(value, dict) and "unparsed_data" in value:
        value = (value["unparsed_data"] or "").split()
    return ((code["name"], [] if value is None else flat(value)), data["text"])


def _item_name(key: str) -> str:
    return key.upper() if key.startswith("BODY[") else key


def _result(value: Any) -> list[str | None]:
    if isinstance(value, dict) and "results" in value:
        window = value["range"]
        return [f"{window['begin']}:{window['end']}", *(flat(value["results"]) if value["results"] else [""])]
    return flat(value)


def _expected_thread(member: dict[str, Any]) -> tuple[Any, ...]:
    return (member["seqno"], [_expected_thread(child) for child in member["children"]])


def ours(response: r.Response) -> tuple[Any, ...]:
    """What we made of it, in the same form."""
    match response:
        case r.Continuation(text):
            return ("continuation", r.as_text(text))
        case r.Tagged(tag, status, code, text):
            return ("tagged", tag, status, _code(code), text)
        case r.Condition(status, code, text):
            return (status, _code(code), text)
        case r.Exists(number) | r.Recent(number) | r.Expunge(number):
            return (type(response).__name__.upper(), flat(number))
        case r.Fetch():
            return _fetch(response)
        case r.ESearch():
            return _esearch(response)
        case r.Search(uids, modseq):
            return ("SEARCH", list(uids), modseq)
        case r.ListEntry():
            return (response.kind, sorted(response.attributes), response.delimiter, response.name)
        case r.Namespace(personal, other, shared):
            spaces = (
                [(r.as_text(prefix), delimiter) for prefix, delimiter in one] for one in (personal, other, shared)
            )
            return ("NAMESPACE", *spaces)
        case r.StatusEntry():
            items: dict[str, Any] = {**response.items, **response.strings}
            return ("STATUS", response.name, {key: flat(value) for key, value in items.items()})
        case r.Vanished(earlier, uids):
            return ("VANISHED", earlier, str(uids))
        case r.Capability(names) | r.Enabled(names) | r.Flags(names):
            kind = {r.Capability: "CAPABILITY", r.Enabled: "ENABLED", r.Flags: "FLAGS"}[type(response)]
            return (kind, sorted(names))
        case r.ServerId(fields):
            return ("ID", fields)
        case r.Other("THREAD", values):
            return ("THREAD", [_thread(member) for member in values])
        case r.Other(name, values):
            return (name, flat(values))
        case r.Unparsed(_, reason):
            return ("unparsed", reason)


def _code(code: r.Code | None) -> tuple[str, list[str | None]] | None:
    return None if code is None else (code.name, flat(code.args))


def _fetch(fetch: r.Fetch) -> tuple[Any, ...]:
    items: dict[str, Any] = {"UID": fetch.uid, "FLAGS": fetch.flags, "INTERNALDATE": fetch.internaldate}
    items |= {"RFC822.SIZE": fetch.size, "MODSEQ": fetch.modseq}
    items = {key: value for key, value in items.items() if value is not None}
    if fetch.has_body:
        items["RFC822"] = fetch.body
    items |= fetch.sections
    items |= fetch.extra
    if not fetch.seq:
        return ("UIDFETCH", items.pop("UID"), {key: flat(value) for key, value in items.items()})
    return ("FETCH", fetch.seq, {key: flat(value) for key, value in items.items()})


def _esearch(answer: r.ESearch) -> tuple[Any, ...]:
    results: dict[str, list[str | None]] = {}
    for key, value in (("MIN", answer.min), ("MAX", answer.max), ("COUNT", answer.count), ("MODSEQ", answer.modseq)):
        if value is not None:
            results[key] = [str(value)]
    if answer.all is not None:
        results["ALL"] = [str(answer.all)]
    if answer.partial is not None:
        results["PARTIAL"] = [answer.partial_range, str(answer.partial)]
    return ("ESEARCH", answer.tag, answer.uid, results)


def _thread(member: Any) -> tuple[Any, ...]:
    """`(3 6 (4 23)(44 7 96))`: each number is the parent of what follows it (RFC 5256 section 4)."""
    first, *rest = member
    if isinstance(first, tuple):
        return (None, [_thread(child) for child in member])
    if not rest:
        return (first, [])
    return (first, [_thread(child) for child in rest] if isinstance(rest[0], tuple) else [_thread(tuple(rest))])


_SET = str.maketrans("", "", "0123456789,:")


def canonical(value: Any) -> Any:
    """Sets of UIDs in one spelling: that library keeps `1,2,3` as it was sent, ours is `1:3`."""
    if isinstance(value, tuple):
        return tuple(canonical(inner) for inner in value)
    if isinstance(value, list):
        return [canonical(inner) for inner in value]
    if isinstance(value, dict):
        return {key: canonical(inner) for key, inner in value.items()}
    if isinstance(value, str) and ("," in value or ":" in value) and not value.translate(_SET):
        return str(UidSet.parse(value))
    return value
