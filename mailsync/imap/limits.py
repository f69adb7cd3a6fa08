"""How much a server may make us hold, and why just so much.

Exceeding a limit is a `WireError`: what follows in the stream cannot be trusted to be framed, so the connection goes.
Memory is taken as bytes arrive, never as they are announced.
"""

from __future__ import annotations

from mailsync.record import record

KIB = 1024
MIB = 1024 * KIB


@record(frozen=True)
class Limits:
    """Sizes in bytes unless said otherwise."""

    # One line, its literals apart. The longest honest ones are BODYSTRUCTURE and PERMANENTFLAGS, a few hundred KiB
    # in mailboxes built to hurt; RFC 7162 section 4 speaks of 8192 octets for commands and of none for answers.
    line: int = 1 * MIB

    # SEARCH, ESEARCH and VANISHED: in the worst case one UID of ten digits a message, so 1.4 million messages. The
    # text becomes ranges of eight bytes each, piece by piece.
    set_line: int = 16 * MIB

    # A message, or a part of one: a FETCH section of any kind. Gmail and Microsoft stop at 150 MB, Fastmail at 70 MB.
    literal: int = 256 * MIB

    # A literal anywhere else: a folder name, a subject in ENVELOPE, an annotation. Subjects of 10 kB have been seen;
    # a client that refused all over 4 KiB had to learn better.
    small_literal: int = 1 * MIB

    # All lines and small literals of one response: a body limit must not be a way round the two above.
    structure: int = 16 * MIB

    # One response with everything in it: one largest message, or several sections of a smaller one.
    response: int = 288 * MIB

    # Literals in one response (a count). Each costs an object however short it is. A BODYSTRUCTURE of 1000 parts with
    # every string as a literal has about 10,000.
    literals: int = 32 * KIB

    # Parentheses inside parentheses (a count). Mail nests ten deep at most outside of tests; each message/rfc822 in
    # a message adds two to BODYSTRUCTURE.
    depth: int = 50
