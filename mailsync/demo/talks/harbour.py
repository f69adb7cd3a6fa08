"""The harbour wall, from its kick-off to its last survey."""

from __future__ import annotations

from mailsync.demo.letters import Talk, Turn

HARBOUR = "Projects/Harbour"
TENDER = "Projects/Harbour/Tender"

TALKS: tuple[Talk, ...] = (
    Talk(
        HARBOUR,
        696,
        "Kick-off quay wall section C",
        (
            Turn(
                "priya",
                "All,\n\nminutes from this morning:\n\n1. Section C is 214 m, sheet piles from 1961, "
                "corrosion worse than drawn.\n2. "
                "Ines measures the tidal prism again before anybody designs anything.\n3. No work "
                "between 15 March and 31 May, the "
                "sand martins nest in the drain holes of C4.\n\nNext: Thursday, on site, boots.",
                attach=(
                    (
                        "minutes-section-C.pdf",
                        "Quay wall, section C\n214 m, sheet piles 1961\nNo work 15 March - 31 May (sand martins)",
                    ),
                ),
            ),
            Turn(
                "stefan",
                "Zu 3: Die Schwalben waren letztes Jahr schon am 10. März da. Ich würde den Puffer größer machen.",
                3,
            ),
            Turn("me", "Agreed, 1 March. The birds were there before the concrete.", 1),
        ),
        cc=("stefan", "ines", "dmitri"),
        keywords=("$Decision",),
    ),
    Talk(
        HARBOUR,
        583,
        "Corrosion survey C1–C7",
        (
            Turn(
                "divers",
                "Moin,\n\nTauchgang gestern, Sicht 40 cm, Strömung ging. Restwandstärken im Anhang. "
                "C5 ist dünn: an drei Punkten unter "
                "6 mm. Da würde ich dieses Jahr keinen Kran mehr draufstellen.",
                attach=(
                    (
                        "restwandstaerken.csv",
                        "pile | depth m | mm\nC1 | 2.0 | 9.4\nC3 | 4.5 | 8.1\nC5 | 3.0 "
                        "| 5.7\nC5 | 4.5 | 5.9\nC7 | 3.0 | 8.8",
                    ),
                    ("C5.png", "diving photo of pile C5"),
                ),
            ),
            Turn(
                "me",
                "Moin Kai, danke. Kran ist gesperrt, Schild hängt. Könnt ihr C5 im Herbst noch einmal "
                "messen, gleiche Punkte?",
                2,
            ),
            Turn("priya", "For the record: load on C5 is limited to 5 kN/m² from today. I've told the port.", 4),
            Turn("divers", "Herbst passt. Bringt wieder den Kuchen mit.", 20),
        ),
        cc=("priya",),
        keywords=("$Decision",),
        flagged=True,
    ),
    Talk(
        HARBOUR,
        402,
        "Genehmigung 4-2217: Nachforderung",
        (
            Turn(
                "port",
                "Sehr geehrte Frau Lind,\n\nzu Ihrem Antrag vom 3. d. M. fehlen uns noch:\n\n  a) der "
                "hydraulische Nachweis für den Lastfall "
                "HW100,\n  b) die Stellungnahme des Naturschutzverbands,\n  c) Anlage 7 in lesbarer "
                "Auflösung.\n\nWir bitten um "
                "Nachreichung binnen vier Wochen.",
            ),
            Turn(
                "me",
                "Sehr geehrte Damen und Herren,\n\na) und c) im Anhang, b) ist zugesagt bis zum 20. "
                "Anlage 7 ist jetzt so groß, dass man die "
                "Schwalben zählen kann.",
                220,
                (("HW100-Nachweis.pdf", "Nachweis Lastfall HW100\nWasserstand 5,60 m NHN\nAusnutzung 0,87"),),
            ),
            Turn("port", "Sehr geehrte Frau Lind,\n\ndie Unterlagen sind nun vollständig. Es sind 214 Schwalben.", 160),
        ),
        charset="iso-8859-1",
    ),
    Talk(
        HARBOUR,
        131,
        "Tide gauge drifting by 4 mm a week",
        (
            Turn(
                "dmitri",
                "Gauge 2 walks away from gauges 1 and 3: 4 mm a week, very steady. Either the harbour "
                "is sinking at one corner or the "
                "bracket is. I'd bet on the bracket. Data attached, plot in your head.",
                attach=(
                    (
                        "gauge2.csv",
                        "week | g1 mm | g2 mm | g3 mm\n1 | 0 | 0 | 0\n2 | 1 | 4 | 0\n3 | 0 | 9 | 1\n4 | 1 | 12 | 0",
                    ),
                ),
            ),
            Turn(
                "ines",
                "Bracket. I can see it in the harmonics: the M2 phase is untouched, only the mean "
                "moves. Somebody moored a boat to it.",
                2,
            ),
            Turn("dmitri", "Somebody moored a boat to it. I have seen the boat. I have spoken to the boat.", 26),
            Turn("me", "Please put up a sign that says what the bracket is for. Friendly. With a drawing.", 1),
        ),
        cc=("ines",),
    ),
    Talk(
        HARBOUR,
        18,
        "Bathymetry of the turning basin: first surfaces",
        (
            Turn(
                "survey",
                "Dear Mara,\n\nplease find the first gridded surface, 0.5 m cells, referenced to "
                "chart datum. Two data gaps where a ferry "
                "insisted on existing. Καλημέρα από τον Πειραιά, the boat goes back out on Tuesday.",
                attach=(
                    ("basin-grid.png", "bathymetry grid"),
                    ("README.txt", "0.5 m grid, chart datum, gaps near berth 3"),
                ),
            ),
            Turn(
                "ines", "There's a scour hole at berth 3, 1.8 m deeper than in the design. That's new since spring.", 6
            ),
            Turn("me", "Elena, could Tuesday start at berth 3? Ferry leaves 07:40, comes back 09:15.", 1.5),
            Turn("survey", "07:41 it is.", 3),
        ),
        cc=("ines",),
        flagged=True,
    ),
    Talk(
        TENDER,
        276,
        "Offerta sonde multiparametriche",
        (
            Turn(
                "marchetti",
                "Gentile Mara,\n\nin allegato l'offerta per sei sonde (livello, temperatura, "
                "conducibilità), con calibrazione e cinque "
                "anni di garanzia. Consegna in otto settimane, o sei se il cliente ci manda di "
                "nuovo quelle foto del porto.",
                attach=(
                    (
                        "Offerta 2118.pdf",
                        "6 x sonda IS-40   1.240,00 EUR\nCalibrazione       inclusa\nTotale 7.440,00 EUR",
                    ),
                ),
            ),
            Turn(
                "me",
                "Gentile Giulia,\n\ngrazie! Possiamo avere due sonde con cavo da 40 m invece di 25? Le foto arrivano.",
                30,
            ),
            Turn(
                "marchetti",
                "Certo: stesso prezzo, cavo da 40 m. Il porto sotto la neve ora è il nostro salvaschermo.",
                20,
            ),
        ),
    ),
    Talk(
        TENDER,
        244,
        "Comparison of bids, instruments lot 2",
        (
            Turn(
                "office",
                "Hi Mara,\n\nbids opened at 11:00, three of them, table attached. The cheapest forgot "
                "the calibration, the second forgot the "
                "VAT, the third forgot nothing.",
                attach=(
                    (
                        "bids.csv",
                        "bidder | net | calibration | delivery weeks\nIdrosonda | 7440 | yes | "
                        "8\nAquatech | 6900 | no | 12\nSeelot | 7320 | yes | 16",
                    ),
                ),
            ),
            Turn("me", "Idrosonda, then. Please prepare the award letter, and a kind one to the other two.", 4),
        ),
        keywords=("$Decision",),
    ),
)
