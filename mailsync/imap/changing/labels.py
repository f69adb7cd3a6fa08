"""UID STORE of X-GM-LABELS (Gmail's X-GM-EXT-1): labels given or taken, those that are not named are left alone."""

from __future__ import annotations

from collections.abc import Sequence

from mailsync.errors import ProtocolError
from mailsync.imap.changing.append import can_be_sent
from mailsync.imap.changing.flags import Sign, some
from mailsync.imap.encode import mailbox
from mailsync.imap.line import Line
from mailsync.imap.names import encode_name
from mailsync.imap.protocol import Pending
from mailsync.imap.uidset import UidSet
from mailsync.privacy import readonly


def begin_label(line: Line, uids: UidSet, sign: Sign, names: Sequence[str]) -> Pending:
    """Give (+) or take (-) labels, as people read them, those of the system as `\\Inbox`."""
    readonly.require()
    command = f"UID STORE {some(uids)} {sign}X-GM-LABELS.SILENT (".encode()
    return line.protocol.begin("UID STORE", command + b" ".join(map(_word, names)) + b")")


def _word(name: str) -> bytes:
    """A label as it is sent: those of the system are atoms, the others names of folders in modified UTF-7."""
    if name.startswith("\\") and can_be_sent(name):
        return name.encode("ascii")
    word = mailbox(encode_name(name))
    if not isinstance(word, bytes):
        raise ProtocolError("this label cannot be sent in a command", retry="never")
    return word
