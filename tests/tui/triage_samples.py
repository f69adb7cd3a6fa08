"""A prepared mailbox with scores: what was written to its person, what came by lists, and what programs wrote."""

from __future__ import annotations

from mailsync.config.models import Config
from mailsync.pipeline.scorer import Scorer
from tests.store.filled import understand
from tests.tui.correspondence import ADA, GRACE, OLEH, message
from tests.tui.prepared import DAY, HOUR, MINUTE, Builder, Letter, letter

NEWS = "News of the Port <news@port.example>"
_BULK = "List-Id: <news.port.example>\r\nList-Unsubscribe: <https://port.example/leave>\r\n"


def letters() -> list[Letter]:
    """Newest first."""
    by_list = "List-Id: Compilers <compilers.lists.example>\r\nList-Post: <mailto:compilers@lists.example>\r\n"
    members = "compilers@lists.example"
    return [
        letter("Tides, tides, tides: 40 % off", NEWS, 5 * MINUTE, headers=_BULK, to="news@port.example"),
        message(
            50,
            "The engine drawings",
            GRACE,
            2 * HOUR,
            body="Dear Ada,\r\n\r\ncould you send me the drawings? The deadline is on Friday.\r\n\r\nGrace\r\n",
        ),
        letter(
            "Your backup is done",
            "Backup <no-reply@example.com>",
            3 * HOUR,
            headers="Auto-Submitted: auto-generated\r\n",
        ),
        letter("[compilers] Which year was it?", OLEH, 5 * HOUR, headers=by_list, to=members, body="Who knows?\r\n"),
        message(51, "請求書をお送りします", "森 由紀 <yuki@example.jp>", DAY, "\\Seen"),
        message(52, "Lunch?", OLEH, 2 * DAY, "\\Seen", "\\Answered", body="Are you there on Friday?\r\n"),
        letter("Protokoll der Sitzung", "Büro <buero@example.org>", 9 * DAY, "\\Seen", "\\Flagged"),
        *(
            letter(f"Tides, week {n}", NEWS, (10 + 7 * n) * DAY, headers=_BULK, to="news@port.example")
            for n in range(12)
        ),
    ]


def scored(builder: Builder) -> None:
    """Two accounts, indexed and scored."""
    home = builder.account("home", "ada@example.org")
    builder.folder(home, "INBOX", letters(), watch="idle")
    builder.folder(home, "Sent", [message(53, "Drawings", ADA, 4 * DAY, "\\Seen", to=GRACE)], use="\\Sent")
    office = builder.account("office", "a.lovelace@engine.example.com")
    builder.folder(office, "INBOX", [letter("The harbour engine", "Charles <cb@example.com>", HOUR)])
    understand(builder.store)
    score(builder)


def score(builder: Builder) -> None:
    """What the stage does behind the index."""
    accounts = {
        "home": {"email": "ada@example.org", "names": ["Ada"], "host": "imap.example.org"},
        "office": {"email": "a.lovelace@engine.example.com", "host": "imap.example.org"},
    }
    scorer = Scorer(builder.store, Config.model_validate({"accounts": accounts}))
    while scorer.step():
        pass
