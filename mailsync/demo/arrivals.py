"""What arrives while the demo runs: answers to threads that are there, and machines that never stop writing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from itertools import count

from mailsync.demo.compose import Letter, compose
from mailsync.demo.letters import Notice
from mailsync.demo.mail import SampleAccount, SampleMessage, from_notice, reply_subject, signed
from mailsync.demo.notices import BUILDS, CUSTOMERS, rows
from mailsync.demo.people import PEOPLE


@dataclass(frozen=True, slots=True)
class Answer:
    """Somebody writes into an INBOX: into a thread if one with that subject exists, else a new message."""

    account: str
    who: str
    subject: str
    text: str


ANSWERS = (
    Answer(
        "work",
        "ines",
        "Storm surge warning for Thursday night",
        "12:00 run: 3.0 m at 01:30. It's settling down. Keep 17:00 for the gate all the same.",
    ),
    Answer("personal", "claire", "Book club: the lighthouse one won", "Page 40. Il y a un phare. Je le signale."),
    Answer("studio", "emre", "Çay bardağı altlıkları", "Onion is also fine. She likes onions. Çok teşekkürler!"),
    Answer(
        "work",
        "stefan",
        "Storm surge warning for Thursday night",
        "Ponton liegt fest, Leinen doppelt. Tor klein geht jetzt zu.",
    ),
    Answer(
        "personal", "oma", "Sonntag", "Liebe Mara,\n\nkommst du nun mit oder ohne Brot? Ich frage wegen der Butter."
    ),
    Answer(
        "work",
        "dmitri",
        "Storm surge warning for Thursday night",
        "Gauge 2 at +1.84 and rising 3 cm a minute. Gauge 2 is also dry: I moved the boat.",
    ),
    Answer(
        "studio",
        "cafe",
        "Markt am Fischmarkt: Standplatz 41",
        "Weather says dry until ten. We're bringing the big thermos.",
    ),
    Answer(
        "personal",
        "tomasz",
        "Klettern am Donnerstag?",
        "Mama fragt, ob du Pilze oder Kraut willst. Die richtige Antwort ist: beides.",
    ),
    Answer(
        "work",
        "okafor",
        "Question about the green paint",
        "The visitor has returned with a second question. It is about the cat.",
    ),
    Answer("studio", "hana", "Workshop im Juni — noch Plätze?", "She says yes, and asks whether gold is load-bearing."),
    Answer(
        "personal", "yuki", "桜の季節、いらっしゃいますか", "つぼみがふくらんできました。今年は少し早いかもしれません。"
    ),
    Answer(
        "work",
        "priya",
        "Re-measure of C5: good news",
        "I've drawn it up: at this rate C5 outlives the crane, and possibly us.",
    ),
    Answer(
        "studio",
        "gallery",
        "Texte pour le catalogue",
        "Les épreuves sont là. Page 12, votre phrase, seule au milieu du blanc.",
    ),
    Answer(
        "personal",
        "anders",
        "Segling i skärgården, vecka 29",
        "Nytt segel! Det är randigt. Säg inget till Jonas, han får se.",
    ),
    Answer(
        "work",
        "survey",
        "Bathymetry of the turning basin: first surfaces",
        "Berth 3 done at 07:58, twice. The hole has stopped growing: 1.8 m, ±5 cm. Χαιρετισμούς!",
    ),
    Answer("studio", "noor", "Vaas voor op de vensterbank", "De tulp is er al. Hij wacht."),
    Answer(
        "personal",
        "jonas",
        "Papas Werkzeugkiste",
        "Ich habe ganz unten noch ein Notizbuch gefunden. Lauter Skizzen von Booten. Ruf mich mal an.",
    ),
    Answer(
        "work",
        "port",
        "Genehmigung 4-2217: Abnahme",
        "Sehr geehrte Frau Lind,\n\ndie Abnahme von Abschnitt C ist für den 12. vorgesehen. Bitte bestätigen "
        "Sie den Termin.",
    ),
    Answer(
        "studio",
        "garcia",
        "Lista de precios de primavera",
        "Estimada Mara:\n\nsu pedido sale mañana. Esta vez el camión va por Perpiñán.",
    ),
    Answer("personal", "leila", "صور من بيروت", "القطة الرمادية أنجبت ثلاث صغار. سميت إحداها باسمك."),
    Answer("studio", "kiln", "Brennkurve und das Knacken bei 573 Grad", "Und? Knackt er noch?"),
    Answer(
        "work",
        "office",
        "Holiday cover, and who waters the ficus",
        "The ficus has reached the ceiling. Facility management would like a word with somebody.",
    ),
    Answer("personal", "oleh", "Велосипед", "Я ще змастив педалі. Тепер він їде сам."),
    Answer(
        "studio",
        "magazine",
        "Interview für Heft 3: »Das Gefäß und die Leere«",
        "Die Fotos sind da. Auf dem Titel ist die Tasse, nicht Sie. Wir hoffen, das ist in Ihrem Sinne.",
    ),
)

GAUGE = Notice(
    "work",
    "INBOX",
    "Gauge 1",
    "gauge1@sensors.nordkai.example.com",
    "Gauge 1: {level} m, {trend}",
    "level     {level} m above datum\ntrend     {trend}\nbattery   98 %\n",
    rows(
        "level trend",
        (
            ("2.41", "rising"),
            ("2.66", "rising"),
            ("2.88", "rising"),
            ("3.02", "turning"),
            ("2.97", "falling"),
            ("2.73", "falling"),
            ("2.44", "falling"),
        ),
    ),
    1,
    1,
    headers=(("Auto-Submitted", "auto-generated"),),
)
ORDER = Notice(
    "studio",
    "INBOX",
    "Halbmond shop",
    "shop@halbmond.example.net",
    "New order {number}: {what}",
    "Order {number}\n\n  {who}\n  {what}\n  {total} EUR\n\nPayment is on its way.\n",
    rows("number who what total", ((f"H-{2191 + n}", *CUSTOMERS[n * 5 % 18]) for n in range(18))),
    1,
    1,
)
BUILD = Notice(
    "work",
    "INBOX",
    "tidegate builds",
    "builds@ci.nordkai.example.com",
    "[tidegate] #{number} {branch}: {state}",
    "Build #{number} of tidegate on {branch}: {state} after {took}\n\n    {title}\n    by {author}\n",
    rows("number branch state title author took", ((str(413 + n), *BUILDS[n * 7 % 12]) for n in range(12))),
    1,
    1,
)
DOOR = Notice(
    "personal",
    "INBOX",
    "Türklingel",
    "klingel@haus.example.org",
    "Es hat geklingelt ({what})",
    "Guten Tag,\n\num diese Zeit hat es geklingelt: {what}.\n",
    rows(
        "what",
        (
            ("Paket, liegt bei Frau Demir",),
            ("Nachbar, leiht Milch",),
            ("niemand, vermutlich Kinder",),
            ("Paket, schwer",),
            ("Anders, mit Akkordeon",),
        ),
    ),
    1,
    1,
)
MACHINES = (GAUGE, DOOR, ORDER, BUILD)


def arrivals(accounts: Sequence[SampleAccount]) -> Iterator[tuple[str, Letter]]:
    """Without end: the account and the letter that comes next, to be dated by `arrive`.

    People and machines take turns until the people have said everything; then the machines go on alone.
    """
    by_name = {account.name: account for account in accounts}
    for number in count():
        if number % 2 == 0 and number // 2 < len(ANSWERS):
            answer = ANSWERS[number // 2]
            account = by_name[answer.account]
            thread = account.threads.setdefault(answer.subject, [])
            writer = PEOPLE[answer.who]
            letter = Letter(
                f"arrival {number}",
                writer.address,
                [account.owner.address],
                reply_subject(answer.subject) if thread else answer.subject,
                datetime.fromtimestamp(0, timezone(timedelta(hours=writer.zone))),
                signed(answer.text, writer.signature),
                answers=list(thread),
            )
            thread.append(letter.message_id)
            yield answer.account, letter
        else:
            notice = MACHINES[number // 2 % len(MACHINES) if number // 2 < len(ANSWERS) else number % len(MACHINES)]
            row = notice.values[number // len(MACHINES) % len(notice.values)]
            moment = datetime.fromtimestamp(0, timezone(timedelta(0)))
            yield notice.account, from_notice(by_name[notice.account], notice, row, f"arrival {number}", moment)


def arrive(letter: Letter, now: datetime) -> SampleMessage:
    """The letter as it lies in the INBOX at `now`: sent a second ago, unread."""
    letter.when = (now - timedelta(seconds=1)).astimezone(letter.when.tzinfo).replace(microsecond=0)
    return SampleMessage("INBOX", compose(letter), (), now.replace(microsecond=0))
