"""The prepared stores that the screen tests share."""

from __future__ import annotations

from mailsync.store import labels
from mailsync.tui.app import MailsyncApp
from mailsync.tui.vitals import Vitals
from tests.tui.prepared import DAY, HOUR, MINUTE, NOW, Builder, Letter, letter

HOSTILE_SUBJECT = "\x1b[2J\x1b]0;owned\x07 [bold red]free[/] \u202egnp.exe\u202c \u200bmoney"
HOSTILE_BODY = (
    "First \x1b[31mred\x1b[0m, then a bell\x07 and \x9b2J.\r\n"
    "Right to left: \u202edesrever\u202c. Markup: [link=javascript:1]click[/link] [/] [@click=app.quit]x[/]\r\n"
    "> quoted\ttext\r\n\r\n\r\n\r\n\r\nA word of many letters: " + "w" * 200 + "\r\n-- \r\n日本語の署名 👨‍👩‍👧 ❤️\r\n"
)


def inbox() -> list[Letter]:
    """A small inbox in several scripts, newest first."""
    return [
        letter("Tide tables for the harbour", "Grace Hopper <grace@example.net>", 5 * MINUTE),
        letter("Re: Compilers, again", "Grace Hopper <grace@example.net>", 2 * HOUR, "\\Seen", "\\Answered"),
        letter("請求書をお送りします", "森 由紀 <yuki@example.jp>", 5 * HOUR, "\\Flagged"),
        letter(HOSTILE_SUBJECT, "Eve\x1b[1m <eve@example.com>", DAY, body=HOSTILE_BODY),
        letter("Grüße aus Łódź 🌊🎉", "Tomasz Wójcik <tomasz@example.org>", 2 * DAY, "\\Seen"),
        letter("", "nobody@example.org", 3 * DAY, "\\Seen"),
        letter("Protokoll der Sitzung", "Büro <buero@example.org>", 40 * DAY, "\\Seen", "\\Flagged", "\\Answered"),
        letter(
            "A very long subject that does not fit into any column and is cut somewhere here", "a@b.example", 90 * DAY
        ),
        *(
            letter(f"Weekly report {number}", "Reports <reports@example.org>", (100 + 7 * number) * DAY, "\\Seen")
            for number in range(30)
        ),
    ]


def quiet(builder: Builder) -> None:
    """Two accounts, all mirrored and watched, with folders in several scripts."""
    home = builder.account("home", "ada@example.org")
    builder.folder(home, "INBOX", inbox(), watch="idle")
    builder.folder(
        home,
        "Sent",
        [letter("Re: Tides", "ada@example.org", DAY, "\\Seen", to="Grace <grace@example.net>")],
        use="\\Sent",
    )
    builder.folder(home, "Trash", [], use="\\Trash")
    builder.folder(home, "Ünïcode/子", [letter("子", "Yuki <yuki@example.jp>", DAY)])
    builder.folder(home, "[bold]Ledger[/]", [letter("Books", "Bank <bank@example.org>", DAY)])
    builder.folder(home, "ящик/архив/2023", [letter("Письмо", "Олег <oleh@example.org>", 300 * DAY, "\\Seen")])
    office = builder.account("office", "a.lovelace@engine.example.com")
    builder.folder(office, "INBOX", [letter("Engine", "Charles <cb@example.com>", HOUR)], watch="poll", delimiter=".")
    builder.folder(
        office, "Projects.Engine.Drawings", [letter("Mill", "Joan <jc@example.com>", DAY, "\\Seen")], delimiter="."
    )
    builder.happened(
        [
            (3 * HOUR, "home", "INBOX", "new", 2, 18_211, ""),
            (2 * HOUR, "home", "ящик/архив/2023", "removed", 4, 0, ""),
            (HOUR, "office", "", "state", 0, 0, "watching"),
            (5 * MINUTE, "home", "INBOX", "new", 1, 4_024, ""),
            (4 * MINUTE, "home", "INBOX", "flags", 3, 0, ""),
        ]
    )


def labelled(builder: Builder) -> None:
    """An account of Gmail: three folders, and labels that are shown as folders."""
    gmail = builder.account("gmail", "ada@example.org")
    everything = builder.folder(gmail, "[Gmail]/All Mail", inbox(), use="\\All", watch="idle")
    builder.folder(gmail, "[Gmail]/Spam", [], use="\\Junk")
    names = {
        1: ("\\Inbox", "Clients/Harbour"),
        2: ("\\Inbox",),
        4: ("Clients/Engine \x1b[31m", "\\Starred"),
        6: ("旅行",),
    }
    builder.store.write(lambda c: labels.assign(c, gmail, everything, names)).result()


def first_sync(builder: Builder) -> None:
    """One account in the middle of its first sync, another that waits for consent."""
    big = builder.account("archive", "ada@example.org", "syncing", synced=None)
    builder.folder(big, "INBOX", inbox(), server=120, synced=None, next_in=None)
    builder.folder(big, "Sent", inbox()[:9], use="\\Sent", server=9)
    builder.folder(big, "Lists/compilers", inbox()[:20], server=4_000, synced=None, next_in=None)
    builder.folder(big, "Lists/waiting", [], server=2_500, synced=None, next_in=None)
    builder.account(
        "office",
        "a.lovelace@engine.example.com",
        "needs_consent",
        detail="nobody has allowed mailsync to read this mailbox",
        hint="mailsync consent grant office --all",
        synced=None,
    )
    builder.happened(
        [(9, "archive", "Sent", "new", 9, 4_412, ""), (2, "archive", "Lists/compilers", "new", 20, 9_100, "")]
    )


def broken(builder: Builder) -> None:
    """Every kind of trouble at once."""
    wrong = builder.account(
        "home",
        "ada@example.org",
        "needs_login",
        detail="imap.example.org refused the user name or password",
        hint="check the password: mailsync account check home",
        error="imap.example.org refused the user name or password",
        synced=3 * DAY,
    )
    builder.folder(wrong, "INBOX", inbox()[:5], synced=3 * DAY, next_in=None)
    builder.account(
        "office",
        "a.lovelace@engine.example.com",
        "backing_off",
        detail="imap.engine.example.com: connection refused; next try in 4 min",
        hint="is the server up, and the port right?",
        synced=HOUR,
    )
    lists = builder.account("lists", "lists@example.net")
    builder.folder(lists, "INBOX", inbox()[:8], watch="idle")
    doubt = ("the server lists none of 1,204 messages: not believed", "look with another client, then sync --full")
    folder = builder.folder(lists, "Announce \x1b[31m", inbox()[8:20], server=0, error=doubt)
    builder.happened(
        [
            (HOUR, "office", "", "error", 0, 0, "connection refused"),
            (MINUTE, "lists", "Announce \x1b[31m", "error", 0, 0, doubt[0]),
        ]
    )
    builder.quarantine(lists, folder, 900, "the server answered FETCH 900 without the message\x1b[2J")


def app(builder: Builder, *, syncing: bool = False, **options: object) -> MailsyncApp:
    """The application over a prepared store at `NOW`, as the viewer of an engine of process 1."""
    made = MailsyncApp(
        builder.store,
        **({"viewer_of": 1, "clock": lambda: NOW, "config_path": "~/.config/mailsync/config.toml"} | options),  # type: ignore[arg-type]
    )
    if syncing:
        made.vitals = WarmedVitals()
    return made


class WarmedVitals(Vitals):
    """Vitals whose meters have been watching for a minute: the same curve in every run."""

    def sample(self, now: float) -> None:
        if self._all.latest:
            return
        super().sample(now - 60)
        meters = [(self._all, 37)]
        meters += [(meter, 29) for meter in self._by_account.values() if meter._total]
        meters += [(meter, 11) for meter in self._by_folder.values()]
        for meter, pace in meters:
            total = meter._total
            for second in range(1, 61):
                total += pace + (second * second * 7) % (2 * pace)
                meter.sample(now - 60 + second, total)
        self.now = now
