"""Newsletters and mailing lists: what fills most mailboxes, with List-Id, List-Unsubscribe and an HTML part."""

from __future__ import annotations

from mailsync.demo.letters import Issue, Series

SERIES: tuple[Series, ...] = (
    Series(
        "personal",
        "Newsletters",
        "The Slow Kettle",
        "letters@slowkettle.example.com",
        "slow-kettle.slowkettle.example.com",
        "The Slow Kettle #{number}: {title}",
        "A letter about tea, every other Saturday, to be read while it steeps.",
        (
            Issue(
                "Water first",
                "Hard water makes a flat cup. Boil it, let it stand until the singing stops, "
                "and pour from as high as you dare.",
            ),
            Issue(
                "A roasted green from Uji",
                "Hōjicha forgives everything: too hot, too long, the wrong pot. "
                "Start here if you have given up on green tea.",
            ),
            Issue(
                "The second infusion", "Throw nothing away. The second cup of an oolong is the one the farmer drinks."
            ),
            Issue(
                "On drinking alone",
                "A cup that holds exactly one helping is a small piece of architecture. "
                "We asked four potters to draw theirs.",
            ),
            Issue("Mint, unsupervised", "It will take the whole garden. Plant it in a bucket, and drink the bucket."),
            Issue(
                "Letters from readers",
                "Ulrike in Kiel steeps hers on the ferry and swears the rolling helps. We believe her.",
            ),
            Issue(
                "What the thermometer does not know",
                "Eighty degrees in a thin bowl is not eighty degrees in a thick one. Warm the pot, every time.",
            ),
            Issue(
                "A kettle that whistles in tune",
                "Two brass reeds, a third apart. It costs too much and we bought it anyway.",
            ),
        ),
        16,
        14,
        1.7,
        "#5b4636",
    ),
    Series(
        "personal",
        "Newsletters",
        "Stadtteilzeitung Altona",
        "rundbrief@altona-zeitung.example.org",
        "rundbrief.altona-zeitung.example.org",
        "Rundbrief {number}: {title}",
        "Neues aus dem Viertel, von Nachbarn für Nachbarn.",
        (
            Issue(
                "Die Linie 15 fährt wieder",
                "Nach elf Wochen Umleitung hält der Bus wieder an der Palmaille. "
                "Der alte Fahrplan gilt, die alte Verspätung auch.",
            ),
            Issue(
                "Flohmarkt im Innenhof",
                "Sonntag von 10 bis 16 Uhr, Tische bitte selbst mitbringen. Der "
                "Kuchenstand wird wie immer nicht reichen.",
            ),
            Issue(
                "Ein Baum für die Ecke",
                "Die Linde ist gepflanzt, gegossen wird reihum. Der Plan hängt beim "
                "Bäcker, es fehlen noch zwei Dienstage.",
            ),
            Issue(
                "Gefunden: ein einzelner Rollschuh",
                "Größe 38, rot, links. Abzuholen in der Redaktion, gern auf einem Bein.",
            ),
            Issue(
                "Chor sucht Bässe",
                "Dienstags um acht in der Aula. Notenlesen ist kein Hindernis, Nichtkönnen auch nicht.",
            ),
            Issue(
                "Was wird aus dem Kiosk?",
                "Frau Demir hört nach 31 Jahren auf. Die Hausgemeinschaft will ihn als Genossenschaft weiterführen.",
            ),
        ),
        9,
        30,
        5.4,
        "#8a1c1c",
    ),
    Series(
        "personal",
        "Newsletters",
        "Carnet de pierres",
        "bonjour@carnet-de-pierres.example.net",
        "carnet.carnet-de-pierres.example.net",
        "Carnet n° {number} — {title}",
        "Une promenade géologique par mois, à faire à pied.",
        (
            Issue(
                "Le granite rose",
                "À marée basse, les rochers de Ploumanac'h montrent leurs feldspaths gros "
                "comme le pouce. Prévoir de bonnes semelles.",
            ),
            Issue(
                "Trois volcans en une journée",
                "Du Puy de Dôme au Pariou par les crêtes : douze kilomètres et trois cent mille ans.",
            ),
            Issue(
                "Lire une carrière",
                "Commencez par le bas : c'est le plus vieux. Puis cherchez ce qui manque entre deux couches.",
            ),
            Issue(
                "Le silex qui chante",
                "Frappez doucement. S'il sonne clair, il se taillera bien ; s'il sonne "
                "creux, gardez-le pour l'étagère.",
            ),
            Issue(
                "Calanques hors saison", "En novembre, le calcaire est froid, la mer encore tiède, et le sentier vide."
            ),
        ),
        8,
        30,
        11,
        "#444f6b",
        personal=True,
    ),
    Series(
        "work",
        "Newsletters",
        "Coastal Engineering Digest",
        "digest@coastal-digest.example.com",
        "digest.coastal-digest.example.com",
        "Coastal Digest {number}: {title}",
        "Papers, failures and fixes, once a week.",
        (
            Issue(
                "Scour at berth corners",
                "A year of multibeam at three ferry terminals shows that bow "
                "thrusters do in a winter what currents do in a decade.",
            ),
            Issue(
                "Sacrificial anodes, revisited",
                "Measured loss rates in brackish harbours are half of what the table says. Inspect before you replace.",
            ),
            Issue(
                "When the model was wrong",
                "Four surge forecasts that missed by more than 40 cm, and the same "
                "cause in all of them: the wind turned late.",
            ),
            Issue(
                "Nesting birds and sheet piles",
                "How a Danish harbour moved its drain holes by two metres and kept both the wall and the martins.",
            ),
            Issue(
                "Cheap pressure loggers",
                "Twelve units, one year, one drifting. The spread between makes is "
                "smaller than the drift of a bad bracket.",
            ),
            Issue(
                "Living breakwaters",
                "Oyster reefs held a two-year storm off Zeeland. The authors are careful, and so are we.",
            ),
            Issue("A lock gate that sings", "Strain gauges as microphones: an unusual way to find a loose pintle."),
            Issue("Reading: The Sea Wall Cookbook", "Out of print, in every office, finally scanned."),
        ),
        26,
        7,
        0.9,
        "#0b4f6c",
        unread=2,
    ),
    Series(
        "work",
        "Lists/tidegauge-users",
        "tidegauge-users",
        "tidegauge-users@lists.example.org",
        "tidegauge-users.lists.example.org",
        "[tidegauge-users] {title}",
        "",
        (
            Issue(
                "Clock drift on the TG-9 after a firmware update",
                "Mine gains two seconds a day since 3.1. Has anybody rolled back without losing the calibration block?",
                (
                    "Rolled back to 3.0.4 over serial. The block survives if you read it out first, menu 7, item "
                    "2, not item 1.",
                    "Two seconds here too, until we moved the logger out of the sun. Look at the crystal before "
                    "you look at the firmware.",
                ),
            ),
            Issue(
                "Barometric correction: which station do you use?",
                "The airport is 14 km away and 30 m up. The lightship is closer but reports every three hours.",
                (
                    "Airport, with a height correction, and a footnote that nobody reads but me.",
                    "Buy a second pressure sensor and hang it in the air next to the gauge. It was cheaper than "
                    "the discussion we had about it.",
                ),
            ),
            Issue(
                "Barnacles",
                "Copper tape works for one season. After that they like it.",
                (
                    "A coat of the stuff they use for propellers, twice a year. And a scraper, every time, regardless.",
                    "Ours leave by themselves when the dredger comes. I do not recommend the dredger.",
                ),
            ),
            Issue(
                "Reading the old paper rolls",
                "We scanned 40 years of them. If you have any with purple ink, "
                "it fades under the lamp: photograph first.",
                (
                    "Confirming the purple ink. We lost March 1953, of all months.",
                    "Cold light and a green filter bring some of it back. I can send samples.",
                ),
            ),
            Issue(
                "Leap second handling in the logger",
                "It writes 23:59:60 and the parser on our side refuses the day. Yes, still.",
                (
                    "There is a patch on the tracker since 2019. It has four thumbs up and no reviewer.",
                    "Reviewed it. Five thumbs.",
                ),
            ),
            Issue(
                "Spare float for an OTT R16?",
                "The workshop in town can turn one from PVC, but the original had a lead ring. Drawing wanted.",
                (
                    "Drawing attached in spirit: 200 mm, 1.4 kg, ring at 62 mm from the bottom. I measured ours "
                    "with a bathroom scale.",
                    "We have two in the attic and one attic too few. Pay the postage and it's yours.",
                ),
            ),
            Issue(
                "Datum shift, or did the wall move?",
                "GNSS says the wall moved. The wall says GNSS moved.",
                ("Level it. Everything else is a rumour.", "We levelled ours: the church moved."),
            ),
        ),
        21,
        4.3,
        1.9,
        per_issue=1,
        discussion=True,
    ),
    Series(
        "studio",
        "Newsletters",
        "Glasurbuch",
        "post@glasurbuch.example.com",
        "post.glasurbuch.example.com",
        "Glasurbuch {number}: {title}",
        "Rezepte aus der Werkstatt, zum Nachmischen und Danebenmischen.",
        (
            Issue(
                "Seladon ohne Reduktion",
                "Mit einem Hauch Eisen und viel Geduld geht es auch im Elektroofen: 1,2 % Eisenoxid, 0,3 % Titan.",
            ),
            Issue(
                "Die Asche vom Apfelbaum", "Gewaschen, gesiebt, 40 Teile auf 60 Feldspat. Läuft bei 1240 °C wie Honig."
            ),
            Issue("Wenn es abrollt", "Fett, Staub oder zu dick. Meistens zu dick."),
            Issue("Kobalt sparen", "0,4 % genügen, wenn Mangan daneben steht. Darüber wird es Tinte."),
            Issue("Nadelstiche", "Langsamer ab 1000 °C, halten bei 1220. Und den Ton länger schlagen."),
            Issue(
                "Leserfrage: Lebensmittelecht?", "Zitronentest über Nacht, danach Spülmaschine, danach ehrlich sein."
            ),
        ),
        13,
        21,
        2.8,
        "#2f6b5e",
    ),
    Series(
        "studio",
        "Newsletters",
        "Makers' Market Bulletin",
        "bulletin@makersmarket.example.org",
        "bulletin.makersmarket.example.org",
        "Makers' Market: {title}",
        "Dates, deadlines and who shares a van.",
        (
            Issue(
                "Summer stands are open",
                "Applications close on the 12th. Potters: bring your own table, the provided ones wobble.",
            ),
            Issue(
                "Van to Leipzig, two shelves free",
                "Leaves Thursday 05:00. Fragile goods go on top of the books, never under.",
            ),
            Issue(
                "How to price a bowl",
                "Clay, gas, hours, and the ones that cracked. If the sum makes you blush, you forgot something.",
            ),
            Issue(
                "Card readers in the rain",
                "The sandwich bag method, tested by nine stallholders over one very wet weekend.",
            ),
            Issue(
                "Swap shelf",
                "Wanted: a wheel head. Offered: eleven kilos of porcelain that nobody will admit to buying.",
            ),
        ),
        11,
        24,
        6.6,
        "#b3541e",
        personal=True,
    ),
)
