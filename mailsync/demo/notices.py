"""Messages from machines: builds, orders, bills, reminders."""

from __future__ import annotations

from collections.abc import Iterable

from mailsync.demo.letters import Notice


def rows(names: str, values: Iterable[tuple[str, ...]]) -> tuple[dict[str, str], ...]:
    """Each tuple of values as a mapping from the names, which stand in one string."""
    return tuple(dict(zip(names.split(), row, strict=True)) for row in values)


CUSTOMERS = (
    ("Brigitte Naumann", "2 breakfast bowls, sea green", "52,00"),
    ("Ludo Peeters", "1 crooked vase, grey", "48,00"),
    ("Aino Korhonen", "6 espresso cups, November", "87,00"),
    ("Piotr Zając", "4 plates 22 cm, white", "88,00"),
    ("Márta Szűcs", "1 large bowl, ash glaze", "64,00"),
    ("Gönül Aydın", "2 tea cups without handle", "36,00"),
    ("Rhys Llewellyn", "1 butter dish with gull", "41,00"),
    ("Zofia Lis", "3 egg cups, speckled", "30,00"),
    ("Jean-Noël Aubry", "12 side plates, dusk blue", "216,00"),
    ("Siân Prosser", "1 milk jug, half a litre", "34,00"),
    ("Tuğba Kaplan", "2 breakfast bowls, white", "52,00"),
    ("Øystein Berg", "1 lidded jar, tall", "58,00"),
    ("Lotte de Wit", "5 tiles, tide lines", "75,00"),
    ("Ραλλού Νικολάου", "1 pitcher, cobalt", "62,00"),
    ("Bartholomäus Kern", "1 candle holder, pair", "38,00"),
    ("Imani Walker", "4 ramen bowls, tenmoku", "112,00"),
    ("Clémence Roy", "1 oil bottle with pourer", "29,00"),
    ("Jóhann Einarsson", "2 mugs, volcano", "44,00"),
)

BUILDS = (
    ("main", "passed", "Read the barometer before the gauge", "Dmitri Halvorsen", "2 min 41 s"),
    ("harmonics", "failed", "Fit M4 and MS4 too", "Inês Carvalho", "3 min 02 s"),
    ("main", "passed", "Refuse readings from the future", "Dmitri Halvorsen", "2 min 38 s"),
    ("main", "failed", "Plot surge as a band, not a line", "Mara Lind", "0 min 52 s"),
    ("leap-second", "passed", "Accept 23:59:60", "Dmitri Halvorsen", "2 min 44 s"),
    ("leap-second", "failed", "Accept 23:59:60", "Dmitri Halvorsen", "2 min 40 s"),
    ("main", "passed", "Datum offsets in one table", "Inês Carvalho", "2 min 36 s"),
    ("export", "passed", "Write NetCDF with attributes", "Priya Raman", "2 min 59 s"),
    ("main", "failed", "Pin the test clock", "Mara Lind", "1 min 10 s"),
    ("main", "passed", "Gauge 2: flag the weeks with a boat on it", "Dmitri Halvorsen", "2 min 33 s"),
    ("alerts", "passed", "Call twice before texting", "Priya Raman", "2 min 47 s"),
    ("main", "passed", "Speed up the tide table by 40 %", "Inês Carvalho", "2 min 31 s"),
)

HOURS = ("38,5", "41,0", "36,2", "39,4", "44,1", "38,0")
DAYS = ("am Montag", "am Dienstag", "morgen")
BOOKS = (
    ("Die Kunst des Brennens", "Es wartet niemand."),
    ("Gezeiten verstehen", "Es warten zwei Personen."),
    ("Kyōto zu Fuß", "Es wartet niemand."),
    ("Das Haus am Deich", "Es wartet eine Person."),
    ("Knoten für Anfänger", "Es wartet niemand."),
    ("Pilze der Lüneburger Heide", "Es warten fünf Personen."),
    ("Schwedisch in 30 Tagen", "Es wartet niemand."),
    ("Kleine Geschichte des Henkels", "Es wartet niemand."),
)
JOURNEYS = (
    ("Hamburg – Lyon", "3", "41", "K0Q7AM"),
    ("Lyon – Hamburg", "7", "16", "K1Q7BM"),
    ("Hamburg – Stockholm", "21", "85", "K2Q7CM"),
    ("Kyōto – Kanazawa", "4", "2A", "T9R2XS"),
    ("Hamburg – Leipzig", "9", "33", "K4Q7EM"),
    ("Leipzig – Hamburg", "9", "34", "K5Q7FM"),
    ("Hamburg – Arles", "12", "61", "K6Q7GM"),
)

NOTICES: tuple[Notice, ...] = (
    Notice(
        "work",
        "CI",
        "tidegate builds",
        "builds@ci.nordkai.example.com",
        "[tidegate] #{number} {branch}: {state}",
        "Build #{number} of tidegate on {branch}: {state} after {took}\n\n    {title}\n    by {author}\n\n"
        "    lint ........ ok\n    types ....... ok\n    unit ........ 318 passed\n    replay ...... {state}\n",
        rows("number branch state title author took", ((str(412 - n), *BUILDS[n % 12]) for n in range(30))),
        1.3,
        0.35,
        unread=3,
        keywords=("$Build",),
        attach=(("replay.log", "gauge1 2191 readings ok\ngauge2 2188 readings ok\ngauge3 2191 readings ok"),),
    ),
    Notice(
        "work",
        "INBOX",
        "Zeiterfassung",
        "zeiten@nordkai.example.com",
        "Wochenbericht KW {week}: {hours} h",
        "Guten Tag Mara Lind,\n\nfür die Kalenderwoche {week} sind {hours} Stunden erfasst.\n"
        "Offene Buchungen: {open}.\n",
        rows("hours open", ((HOURS[n % 6], "1" if n % 3 else "keine") for n in range(18))),
        7,
        2,
        unread=1,
    ),
    Notice(
        "studio",
        "Orders/Paid",
        "Halbmond shop",
        "shop@halbmond.example.net",
        "Order {number} paid: {what}",
        "Order {number}\n\n  {who}\n  {what}\n  {total} EUR, paid\n\nPlease pack within three days.\n",
        rows("number who what total", ((f"H-{2190 - n}", *CUSTOMERS[n % 18]) for n in range(36))),
        4.1,
        0.5,
        unread=2,
        keywords=("$Order",),
        attach=(("packing-slip.pdf", "Studio Halbmond\nPacking slip\nHandle like an egg that has had a hard week"),),
    ),
    Notice(
        "studio",
        "INBOX",
        "Paketdienst Möwe",
        "info@moewe-paket.example.com",
        "Ihre Sendung {code} ist unterwegs",
        "Guten Tag,\n\nIhre Sendung {code} an {who} wurde übernommen und wird voraussichtlich {day} zugestellt.\n\n"
        "Bitte antworten Sie nicht auf diese Nachricht, die Möwe kann nicht lesen.\n",
        rows("code who day", ((f"MW{70412 - n * 37}", CUSTOMERS[n][0], DAYS[n % 3]) for n in range(18))),
        5.3,
        1.2,
        unread=1,
    ),
    Notice(
        "personal",
        "Bills & Receipts",
        "Elbstrom",
        "rechnung@elbstrom.example.com",
        "Ihre Abrechnung {month}",
        "Sehr geehrte Frau Lind,\n\nim {month} haben Sie {kwh} kWh verbraucht. Der Betrag von {sum} € wird zum 15. "
        "abgebucht.\n",
        rows(
            "kwh sum",
            ((str(142 + n * 29 % 71), f"{47 + n * 7 % 23},{n * 37 % 100:02d}") for n in range(24)),
        ),
        30.4,
        4,
        keywords=("$Receipt",),
        unread=1,
        attach=(("Abrechnung.pdf", "Elbstrom eG\nZaehler 88 204 117\nBetrag siehe Anschreiben"),),
    ),
    Notice(
        "personal",
        "INBOX",
        "Bücherhalle Altona",
        "ausleihe@buecherhalle.example.org",
        "Erinnerung: »{title}« bald fällig",
        "Liebe Leserin,\n\ndas Buch »{title}« ist in drei Tagen fällig. Verlängern ist online möglich, solange niemand "
        "darauf wartet. {wait}\n",
        rows("title wait", BOOKS),
        41,
        3.3,
        unread=1,
    ),
    Notice(
        "personal",
        "Bills & Receipts",
        "Bahnhof & Gleis",
        "tickets@bahnhof-gleis.example.com",
        "Your ticket {route}",
        "Thank you for your booking.\n\n  {route}\n  Coach {coach}, seat {seat}, window\n  Booking code {code}\n\n"
        "Have a good journey.\n",
        rows("route coach seat code", JOURNEYS),
        83,
        22,
        keywords=("$Travel",),
        attach=(("ticket.pdf", "Valid with photo identification\nWindow seat"),),
    ),
)
