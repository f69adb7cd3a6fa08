"""What changes a model server's folders: UID STORE, COPY, MOVE and EXPUNGE (RFC 3501, 4315, 6851; X-GM-LABELS)."""

from __future__ import annotations

from mailsync.imap.uidset import UidSet
from tests.servers.imap_client import decode_name
from tests.servers.model import Mailboxes, ModelFolder
from tests.servers.scripted import Command

VERBS = ("UID STORE", "UID COPY", "UID MOVE", "UID EXPUNGE")


def change(mail: Mailboxes, folder: ModelFolder, command: Command, *, silent: bool) -> tuple[bytes, str]:
    """The untagged lines and the text of the tagged OK; LookupError for a folder that is not there."""
    words = command.words()
    assert isinstance(words[0], bytes)
    chosen = UidSet.parse(words[0])
    uids = [uid for uid in sorted(folder.messages) if uid in chosen]
    if command.verb == "UID STORE":
        item, names = words[1], words[2]
        assert isinstance(item, bytes)
        assert isinstance(names, list)
        given = {name.decode() for name in names if isinstance(name, bytes)}
        _store(mail, folder, uids, item.decode().upper(), given)
        return b"", "stored"
    if command.verb == "UID EXPUNGE":
        mail.expunge(folder.name, [uid for uid in uids if "\\Deleted" in folder.messages[uid].flags])
        return b"", "expunged"
    assert isinstance(words[1], bytes)
    target = mail.folders[decode_name(words[1].decode())]
    act = mail.move if command.verb == "UID MOVE" else mail.copy
    arrived = act(folder.name, uids, target.name)
    code = f"[COPYUID {target.uidvalidity} {_set(uids)} {_set(arrived)}]" if uids and not silent else ""
    if command.verb == "UID MOVE":
        return f"* OK {code} moved\r\n".encode() if code else b"", "done"
    return b"", f"{code} copied"


def _store(mail: Mailboxes, folder: ModelFolder, uids: list[int], item: str, given: set[str]) -> None:
    for uid in uids:
        one = folder.messages[uid]
        if "X-GM-LABELS" in item:
            names = {decode_name(name) for name in given}
            mail.label(one.identity, **{"add" if item[0] == "+" else "remove": names})
        else:
            mail.store(folder.name, [uid], one.flags | given if item[0] == "+" else one.flags - given)


def _set(uids: list[int]) -> str:
    """In the order in which they are."""
    return ",".join(map(str, uids))
