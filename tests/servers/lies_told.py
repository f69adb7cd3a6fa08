"""The lies by name; see `lies` for how they are told and what the codes mean."""

from __future__ import annotations

import re

from tests.servers.lies import (
    Lie,
    after,
    another_tag,
    as_search,
    backwards,
    before,
    bomb,
    bye,
    doubled,
    drop,
    everywhere,
    flapping,
    forever,
    greeted,
    half_a_literal,
    hooked,
    injected,
    offering,
    refused,
    renumbered,
    silence,
    sub,
    twisted,
    without,
)

LIES: dict[str, Lie] = {
    # what a folder is
    "uidvalidity zero": Lie(everywhere(sub(rb"UIDVALIDITY \d+", b"UIDVALIDITY 0")), 1),
    "uidvalidity flapping": Lie(twisted("EXAMINE", flapping()), 1),
    "uidvalidity beyond 32 bits": Lie(everywhere(sub(rb"UIDVALIDITY \d+", b"UIDVALIDITY 99999999999999999999")), 1),
    "uidnext zero": Lie(twisted("EXAMINE", sub(rb"UIDNEXT \d+", b"UIDNEXT 0")), 0),
    "no uidnext": Lie(twisted("EXAMINE", sub(rb"\* OK \[UIDNEXT \d+\] next\r\n", b"")), 0),
    "exists shrinks": Lie(twisted("EXAMINE", sub(rb"\* \d+ EXISTS", b"* 7 EXISTS")), 1),
    "exists nothing": Lie(twisted("EXAMINE", sub(rb"\* \d+ EXISTS", b"* 0 EXISTS")), 1),
    "exists beyond all": Lie(twisted("EXAMINE", sub(rb"\* \d+ EXISTS", b"* 4294967295 EXISTS")), 1),
    "exists negative": Lie(twisted("EXAMINE", before(b"* -5 EXISTS\r\n")), 0),
    "several exists": Lie(twisted("EXAMINE", before(b"* 10 EXISTS\r\n* 30 EXISTS\r\n")), 0),
    "modseq minus one": Lie(twisted("EXAMINE", sub(rb"HIGHESTMODSEQ \d+", b"HIGHESTMODSEQ -1")), 0),
    "modseq beyond 63 bits": Lie(
        twisted("EXAMINE", sub(rb"HIGHESTMODSEQ \d+", b"HIGHESTMODSEQ 99999999999999999999")), 0
    ),
    "modseq from the past": Lie(twisted("EXAMINE", sub(rb"HIGHESTMODSEQ \d+", b"HIGHESTMODSEQ 1")), 0),
    "every folder refused": Lie(refused("EXAMINE", "NO you may not"), 1),
    # what is listed
    "a folder missing from a list": Lie(twisted("LIST", sub(rb'\* LIST [^\n]*"Archive"\r\n', b"")), 0),
    "an empty list": Lie(twisted("LIST", lambda lines: b""), 1),
    "a folder listed twice": Lie(twisted("LIST", doubled), 0),
    "a list refused": Lie(refused("LIST", "BAD no lists today"), 1),
    "no mailbox behind the sign-in": Lie(refused("LIST", "BAD User is authenticated but not connected."), 3),
    "status of another world": Lie(twisted("LIST", sub(rb"MESSAGES \d+ UIDNEXT \d+", b"MESSAGES 99999 UIDNEXT 3")), 0),
    "paths for names": Lie(
        twisted("LIST", after(b'* LIST () "/" "../../../../tmp/mailsync-owned"\r\n* LIST () "/" "/etc/passwd"\r\n')), 1
    ),
    "escape sequences for names": Lie(twisted("LIST", after(b'* LIST () "/" "\x1b]0;owned\x07\x1b[2J"\r\n')), 1),
    "names that are no utf-7": Lie(twisted("LIST", after(b'* LIST () "/" "&&&&&-&AAA"\r\n')), 1),
    "a name of 100 megabytes": Lie(twisted("LIST", after(b'* LIST () "/" {104857600}\r\n' + b"x" * (2 << 20))), 1),
    # what is found
    "an empty search": Lie(twisted("UID SEARCH", lambda lines: b"* SEARCH\r\n"), 0, "plain"),
    "an empty esearch": Lie(
        without("QRESYNC CONDSTORE", twisted("UID SEARCH", sub(rb" (ALL|COUNT) [0-9:,]+", b""))), 0
    ),
    "a search of strangers": Lie(twisted("UID SEARCH", lambda lines: b"* SEARCH 1 2 3 900000 900001\r\n"), 0, "plain"),
    "esearch without uid": Lie(without("QRESYNC", twisted("UID SEARCH", sub(rb"\) UID ", b") "))), 0),
    "esearch answered as search": Lie(without("QRESYNC", twisted("UID SEARCH", as_search)), 0),
    "search is bad": Lie(without("QRESYNC", refused("UID SEARCH", "BAD what?")), 0),
    "a search without an answer": Lie(twisted("UID SEARCH", lambda lines: b""), 0, "plain"),
    # what has vanished
    "everything has vanished": Lie(twisted("EXAMINE", after(b"* VANISHED (EARLIER) 1:4294967295\r\n")), 0),
    "everything vanishes": Lie(twisted("UID FETCH", before(b"* VANISHED 1:4294967295\r\n")), 0),
    "expunges of everything": Lie(twisted("UID FETCH", before(b"* 1 EXPUNGE\r\n" * 60), times=1), 0, "plain"),
    "an expunge of number 4294967295": Lie(twisted("UID FETCH", before(b"* 4294967295 EXPUNGE\r\n")), 0, "plain"),
    "vanished malformed": Lie(twisted("EXAMINE", after(b"* VANISHED (EARLIER) 1:*,,x\r\n")), 0),
    # what is fetched
    "answers twice": Lie(twisted("UID FETCH", doubled), 0),
    "answers backwards": Lie(twisted("UID FETCH", backwards), 0, "plain"),
    "answers for other uids": Lie(twisted("UID FETCH", renumbered(5_000_000)), 1, "plain"),
    "uid zero": Lie(twisted("UID FETCH", sub(rb"UID 61", b"UID 0")), 0, "plain"),
    "uid 2^32": Lie(twisted("UID FETCH", sub(rb"UID 61", b"UID 4294967296")), 0, "plain"),
    "uid negative": Lie(twisted("UID FETCH", sub(rb"UID 61", b"UID -61")), 0, "plain"),
    "half of the flags": Lie(
        twisted("UID FETCH", lambda lines: lines[: len(lines) // 2].rpartition(b"\r\n* ")[0] + b"\r\n"), 0, "plain"
    ),
    "no answer but ok": Lie(twisted("UID FETCH", lambda lines: b""), 0, "plain"),
    "body nil": Lie(
        twisted(
            "UID FETCH", lambda lines: re.sub(rb"BODY\[\] \{\d+\}\r\n.*?\r\n\)", b"BODY[] NIL)", lines, flags=re.DOTALL)
        ),
        0,
    ),
    "no longer exist": Lie(
        twisted("UID FETCH", lambda lines: lines, status="NO", text="Some of the requested messages no longer exist"), 0
    ),
    # what a line is
    "nul bytes": Lie(twisted("EXAMINE", sub(rb"\* (OK \[UIDNEXT|FLAGS)", rb"\0\0* \1")), 0),
    "ok without text": Lie(twisted("EXAMINE", lambda lines: lines, text=""), 0),
    "not imap at all": Lie(twisted("EXAMINE", before(b"Server Unavailable. 15\r\n[ALERT] hm\r\n")), 0),
    "continuations nobody asked for": Lie(twisted("EXAMINE", before(b"+ go on\r\n" * 50)), 0),
    "ok for another command": Lie(hooked("EXAMINE", another_tag), 1),
    "an endless line": Lie(hooked("EXAMINE", forever(b"* OK " + b"x" * (1 << 20))), 1),
    "endless untagged lines": Lie(hooked("EXAMINE", forever(b"* OK still here\r\n" * 4096)), 1),
    "endless fetches": Lie(hooked("UID FETCH", forever(b"* 1 FETCH (UID 1 FLAGS (\\Seen))\r\n" * 4096)), 1),
    "a nesting bomb": Lie(
        twisted("UID FETCH", before(b"* 1 FETCH (UID 1 BODYSTRUCTURE " + b"(" * 100_000 + b"\r\n")), 0
    ),
    "a literal of 4 gigabytes": Lie(twisted("UID FETCH", before(b"* 61 FETCH (UID 61 BODY[] {4294967296}\r\nx")), 1),
    "a literal just beyond the limit": Lie(
        twisted("UID FETCH", before(b"* 61 FETCH (UID 61 BODY[] {268435457}\r\nx")), 1
    ),
    "100 megabytes of a literal, then silence": Lie(
        hooked("UID FETCH", forever(b"", b"* 61 FETCH (UID 61 BODY[] {250000000}\r\n" + b"x" * 100_000_000, 0.1)), 4
    ),
    "an inflate bomb": Lie(offering("COMPRESS=DEFLATE", hooked("COMPRESS", bomb)), 1, config="compress = true"),
    "one byte at a time, for ever": Lie(hooked("EXAMINE", forever(b"x", b"* OK ", 0.4)), 4),
    # the connection
    "greeting says bye": Lie(greeted(b"* BYE go away\r\n"), 4),
    "greeting of http": Lie(greeted(b"HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n"), 1),
    "no greeting": Lie(greeted(b""), 4),
    "sign-in, then dropped": Lie(hooked("LOGIN", drop), 4),
    "sign-in refused": Lie(refused("LOGIN", "NO [AUTHENTICATIONFAILED] wrong"), 3),
    "sign-in unavailable": Lie(refused("LOGIN", "NO [UNAVAILABLE] try again later"), 4),
    "throttled": Lie(refused("LIST", "BAD Request is throttled. Suggested Backoff Time: 92415 milliseconds"), 4),
    "over quota": Lie(refused("EXAMINE", "NO [OVERQUOTA] Account exceeded bandwidth limits"), 4),
    "silence after a question": Lie(hooked("EXAMINE", silence), 4),
    "goodbye in the middle": Lie(hooked("UID FETCH", bye), 4),
    "half a literal": Lie(hooked("UID FETCH", half_a_literal), 4),
    "the password in the clear": Lie(offering("LOGINDISABLED"), 2),
    "starttls not offered": Lie(greeted(b"* OK ready\r\n"), 2, config='security = "starttls"'),
    "starttls with more behind it": Lie(
        offering("STARTTLS", hooked("STARTTLS", injected)), 2, config='security = "starttls"'
    ),
    "signed in before starttls": Lie(greeted(b"* PREAUTH welcome\r\n"), 2, config='security = "starttls"'),
}
