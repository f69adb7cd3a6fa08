"""What a server really does, found out at first contact: does SEARCH find what is there, does VANISHED make sense, is
IDLE accepted. A few questions, asked once in thirty days, beside work that is done anyway.

    search    SEARCH ALL against EXISTS; where ESEARCH lies, SEARCH in its old form
    qresync   ENABLED after ENABLE, and a QRESYNC EXAMINE from the beginning of time: what it calls vanished must not be
              there, what it calls changed must be
    idle      IDLE, and DONE at once

Findings are texts for people, see `knowledge`. What cannot be tried (an empty account, a folder in motion) is left out
and tried another time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mailsync.errors import CommandRefused, ProtocolError
from mailsync.imap.session import Session
from mailsync.imap.uidset import UidSet
from mailsync.store.folders import Folder
from mailsync.sync.knowledge import PROBED, off

ENOUGH = 500
"""Messages: of a folder with no more, everything may be asked."""
TOO_MANY = 20_000
"""Messages of a folder whose UIDs nobody wants to see listed one by one."""
FIRST_MODSEQ = 1


async def probe(session: Session, folders: Iterable[Folder], wanted: Sequence[str] = PROBED) -> dict[str, str]:
    """Findings by name, of those `wanted`. Leaves another folder open. Raises what ends a connection."""
    found: dict[str, str] = {}
    folder = _suited(session, folders)
    if folder is not None and {"search", "qresync"} & set(wanted):
        found |= await _in_folder(session, folder)
    elif not session.offers("QRESYNC"):
        found["qresync"] = "ok: not offered"
    if "idle" in wanted:
        found["idle"] = await _idle(session)
    return {name: value for name, value in found.items() if name in wanted}


def _suited(session: Session, folders: Iterable[Folder]) -> Folder | None:
    """The smallest folder that has messages."""
    most = TOO_MANY if not session.offers("ESEARCH") else None
    filled = [one for one in folders if one.messages and (most is None or one.messages <= most)]
    return min(filled, key=lambda one: one.messages, default=None)


async def _in_folder(session: Session, folder: Folder) -> dict[str, str]:
    found: dict[str, str] = {}
    box = await session.examine(folder.raw_name)
    if not box.exists:
        return found
    listed = await session.search("ALL")
    if box.arrived or box.disturbed:
        return found
    exists = box.exists
    found["search"] = f"ok: found {len(listed):,} of {exists:,}"
    if len(listed) != exists:
        told = f"found {len(listed):,} of {exists:,}"
        found["search"] = f"wrong: {told}; answers are held against EXISTS"
        if session.offers("ESEARCH"):
            session.latch_off("ESEARCH")
            listed = await session.search("ALL")
            if len(listed) == exists:
                found["search"] = off(["ESEARCH"], told)
    if len(listed) == exists:
        finding = await _qresync(session, folder, listed)
        if finding is not None:
            found["qresync"] = finding
    return found


async def _qresync(session: Session, folder: Folder, listed: UidSet) -> str | None:
    if not session.offers("QRESYNC"):
        return "ok: not offered"
    if "QRESYNC" not in session.enabled:
        return off(["QRESYNC"], "ENABLE was not answered with ENABLED")
    box = session.mailbox
    if box is None or not box.highestmodseq or not box.uidvalidity:
        return None
    modseq = FIRST_MODSEQ if box.exists <= ENOUGH else box.highestmodseq
    again = await session.examine(folder.raw_name, since=(box.uidvalidity, modseq))
    if again.arrived or again.disturbed or again.exists != len(listed):
        return None
    changed = UidSet.from_uids(answer.uid for answer in again.changed if answer.uid is not None)
    if again.vanished & listed:
        return off(["QRESYNC"], f"VANISHED named {len(again.vanished & listed):,} messages that are there")
    if changed - listed:
        return off(["QRESYNC"], f"it told of {len(changed - listed):,} messages that are not there")
    return "ok: what it calls vanished is gone"


async def _idle(session: Session) -> str:
    if not session.offers("IDLE"):
        return "ok: not offered"
    try:
        await session.idle(0)
    except (CommandRefused, ProtocolError) as error:
        return off(["IDLE"], str(error)[:200])
    return "ok: accepted"
