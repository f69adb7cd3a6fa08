"""What `mailsync cleanup` prints of lists: the JSON of it, and the same for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mailsync.cli import output
from mailsync.model import flag_names, iso

if TYPE_CHECKING:
    from mailsync.cleanup.unsubscribe import Offer
    from mailsync.store.cleanups import Cleanup, Folder, Item, Run, Sender

SENDERS = 10
"""Senders that are shown; the rest are counted."""
SAMPLE = 10
"""Of the sample, where a list is shown once more to be approved of."""
LEFT = 50
"""Senders of which it is told how they are left."""
REASONS = 3
RESULTS = ("waiting", "begun", "done", "gone", "skipped", "failed")
"""What a message of a run can be. `gone` from the server already is as good as done, `skipped` was not touched."""
SAID = {
    "done": "done",
    "gone": "gone already",
    "skipped": "skipped",
    "failed": "failed",
    "begun": "unsettled",
    "waiting": "left",
}


def document(one: Cleanup) -> dict[str, Any]:
    """An entry of `cleanup list`."""
    return {
        "id": str(one.id),
        "account": one.account,
        "rule": one.rule,
        "title": one.title,
        "query": one.query or None,
        "actions": list(one.actions),
        "state": one.state,
        "messages": one.messages,
        "bytes": one.bytes,
        "first": iso(one.first),
        "last": iso(one.last),
        "excluded": one.excluded,
        "hash": one.hash,
        "created_at": iso(one.created_at),
        "expires_at": iso(one.expires_at),
        "approved_by": one.run.approved_by if one.run else None,
        "decided_by": one.decided_by,
        "decided_at": iso(one.decided_at),
        "large": one.large,
        "run": run(one.run) if one.run else None,
    }


def run(one: Run) -> dict[str, Any]:
    """A run and how far it is, in messages."""
    return {
        "id": str(one.id),
        "kind": one.kind,
        "undoes": str(one.undoes) if one.undoes is not None else None,
        "job": str(one.job_id) if one.job_id is not None else None,
        "approved_by": one.approved_by,
        "state": one.state,
        "stopped": one.stopped or None,
        "created_at": iso(one.created_at),
        "finished_at": iso(one.finished_at),
        "messages": sum(one.counts.values()),
        "results": {state: one.counts.get(state, 0) for state in RESULTS},
    }


def whole(
    one: Cleanup,
    folders: Sequence[Folder],
    chosen: dict[int, tuple[int, int]],
    senders: Iterable[Sender],
    sample: Iterable[Item],
    runs: Iterable[Run],
    warnings: Sequence[str],
    offers: Mapping[str, tuple[int, Offer]],
) -> dict[str, Any]:
    """What `cleanup show` tells of a list; `offers` how senders say that they can be left."""
    places = {folder.number: folder for folder in folders}
    return document(one) | {
        "folders": [
            {
                "name": folder.name,
                "special_use": folder.special_use or None,
                "uidvalidity": folder.uidvalidity,
                "messages": chosen.get(folder.number, (0, 0))[0],
                "bytes": chosen.get(folder.number, (0, 0))[1],
                "of": folder.messages,
            }
            for folder in folders
        ],
        "senders": [
            {
                "sender": who.sender,
                "messages": who.messages,
                "bytes": who.bytes,
                "excluded": who.excluded,
                "unsubscribe": leaving(*offers[who.sender]) if who.sender in offers else None,
            }
            for who in senders
        ],
        "sample": [item(each, places) for each in sample],
        "warnings": list(warnings),
        "results": run(one.run)["results"] if one.run else None,
        "runs": [run(each) for each in runs],
    }


def leaving(message: int, one: Offer) -> dict[str, Any]:
    """How the list that a message is from is left, and what speaks for that."""
    from mailsync.cleanup.leaving import evidence

    return {
        "message": str(message),
        "one_click": bool(one.post),
        "why_not": one.why_not or None,
        "url": one.post or None,
        "pages": list(one.pages),
        "mails": list(one.mails),
        "evidence": evidence(one),
    }


def proof(evidence: dict[str, Any]) -> str:
    """What speaks for an offer, in a few words."""
    if not evidence["signed_by"]:
        return "not signed"
    checked = f", {evidence['dkim']} says {evidence['checked_by']}" if evidence["dkim"] else ", nobody checked it"
    return f"signed by {evidence['signed_by']}{checked}"


def reasons(found: Iterable[tuple[str, str, int]]) -> list[dict[str, Any]]:
    """Why messages of the last run are what they are."""
    return [{"state": state, "reason": reason, "messages": count} for state, reason, count in found]


def item(one: Item, places: dict[int, Folder]) -> dict[str, Any]:
    """A message of a list."""
    place = places[one.folder]
    return {
        "id": str(one.message_id),
        "folder": place.name,
        "uidvalidity": place.uidvalidity,
        "uid": one.uid,
        "message_id": one.identifier,
        "sha256": one.digest.hex(),
        "size": one.size,
        "flags": flag_names(one.flags, one.keywords),
        "date": iso(one.date),
        "internaldate": iso(one.internaldate),
        "from": one.sender,
        "list": one.list_id or None,
        "subject": one.subject,
        "confidence": one.confidence,
        "reasons": list(one.reasons),
        "excluded": one.excluded,
        "state": one.state or None,
        "reason": one.reason or None,
        "run": one.run or None,
    }


# -- for people ------------------------------------------------------------------------------------------------


def rows(found: Iterable[Cleanup]) -> list[list[str]]:
    """The columns of `cleanup list`."""
    return [
        [
            str(one.id),
            one.account,
            one.title[:40],
            output.count(one.messages, "message"),
            output.size(one.bytes),
            between(one),
            ", ".join(one.actions),
            standing(one),
        ]
        for one in found
    ]


def between(one: Cleanup) -> str:
    """The dates of the oldest and the newest message."""
    return "-" if one.first is None else f"{output.when(one.first)[:10]} to {output.when(one.last)[:10]}"


def standing(one: Cleanup) -> str:
    """The state of a list in a few words."""
    state = one.state.replace("_", " ")
    if one.state == "proposed":
        return f"proposed until {output.when(one.expires_at)[:10]}"
    if one.run is None:
        return f"{state} by {one.decided_by}" if one.decided_by else state
    return f"{state}: {progress(one.run)}"


def progress(one: Run) -> str:
    """What became of the messages of a run: "4,900 done, 100 skipped"."""
    order = ("done", "gone", "skipped", "failed", "begun", "waiting")
    said = [f"{one.counts[state]:,} {SAID[state]}" for state in order if one.counts.get(state)]
    return ", ".join(said) + (f"; stopped: {one.stopped}" if one.stopped else "")


def lines(told: dict[str, Any], shown: int) -> list[str]:
    """A list as it is to be decided on, from what `whole` told of it, with so many of the sample."""
    dates = f", {told['first'][:10]} to {told['last'][:10]}" if told["first"] else ""
    found = [
        f"{told['title']} ({told['rule']}) of account {told['account']}: "
        f"{output.count(told['messages'], 'message')}, {output.size(told['bytes'])}{dates}",
        f"  what is done: {', then '.join(told['actions'])}",
    ]
    if told["query"]:
        found.append(f"  what they fit: {told['query']}")
    if told["excluded"]:
        found.append(f"  taken off the list: {output.count(told['excluded'], 'message')}")
    found += [
        f"  {place['name']}: {place['messages']:,} of {place['of']:,} ({output.size(place['bytes'])})"
        for place in told["folders"]
        if place["messages"]
    ]
    senders = [who for who in told["senders"] if who["messages"] > who["excluded"]]
    found.append(f"  from {output.count(len(senders), 'sender')}:")
    found += [
        f"    {who['messages'] - who['excluded']:>7,}  {output.size(who['bytes']):>7}  {who['sender']}{_left(who)}"
        for who in senders[:SENDERS]
    ]
    if len(senders) > SENDERS:
        found.append(f"    and {len(senders) - SENDERS:,} more")
    sample = [each for each in told["sample"] if not each["excluded"]]
    found.append("  for example:")
    found += [f"    {line(each)}" for each in sample[:shown]]
    if len(sample) > shown:
        found.append(f"    and more: mailsync cleanup show {told['id']}")
    found += [f"  caution: {warning}" for warning in told["warnings"]]
    return [*found, f"  list {told['hash']}"]


def line(one: dict[str, Any]) -> str:
    """A message of a list, from its document."""
    state = "taken back" if (one["run"], one["state"]) == ("undo", "done") else one["state"]
    became = f"  [{state}{': ' + one['reason'] if one['reason'] else ''}]" if state else ""
    left = "  [taken off the list]" if one["excluded"] else ""
    return (
        f"{(one['date'] or one['internaldate'] or '-')[:10]}  {one['confidence']:4.0%}  {one['from'][:32]:<32}  "
        f"{one['subject'][:48]}  ({', '.join(one['reasons'][:REASONS])}){became}{left}"
    )


def _left(who: dict[str, Any]) -> str:
    """How a sender can be left by one click."""
    way = who["unsubscribe"]
    if way is None or not way["one_click"]:
        return ""
    return f"  ({proof(way['evidence'])}: mailsync cleanup unsubscribe {way['message']})"
