"""Customers, clay from Spain, a gallery in Arles."""

from __future__ import annotations

from mailsync.demo.letters import Talk, Turn

SPAIN = "Suppliers/España"
ORDERS = "Orders"
SHOW = "Ateliers/Été"

TALKS: tuple[Talk, ...] = (
    Talk(
        SPAIN,
        640,
        "Pedido de gres negro, 400 kg",
        (
            Turn(
                "me",
                "Buenos días:\n\nnecesitaría 400 kg de gres negro chamotado (0–0,5 mm), en pastillas de "
                "12,5 kg, entregados en "
                "Hamburgo antes de fin de mes. ¿Qué precio me pueden hacer con el transporte incluido?",
            ),
            Turn(
                "garcia",
                "Estimada Mara:\n\ngracias por su mensaje. Para 400 kg el precio es de 0,94 €/kg, "
                "portes incluidos a partir de "
                "300 kg. Salida de fábrica el día 18. ¿Le añadimos una muestra de la porcelana nueva? "
                "Cuece a 1260 °C y no "
                "se deforma ni aunque la mire mal.",
                21,
                (
                    (
                        "Presupuesto 0431.pdf",
                        "Gres negro chamotado  400 kg  0,94 EUR/kg  376,00 EUR\nPortes  incluidos\nIVA  exento",
                    ),
                ),
            ),
            Turn("me", "Perfecto, y sí a la muestra.", 3),
        ),
        keywords=("$Supplier",),
    ),
    Talk(
        SPAIN,
        212,
        "Retraso en la entrega",
        (
            Turn(
                "garcia",
                "Estimada Mara:\n\nel camión se ha quedado en Irún por una huelga. Calculamos cuatro "
                "días de retraso. Lo sentimos "
                "mucho; le hemos puesto dos pastillas de más.",
            ),
            Turn("me", "No pasa nada. Dos pastillas de más curan cualquier huelga.", 5),
        ),
    ),
    Talk(
        SPAIN,
        14,
        "Lista de precios de primavera",
        (
            Turn(
                "garcia",
                "Estimados clientes:\n\nadjuntamos la lista de precios vigente a partir del día 1. "
                "Los gres bajan un 3 %, la "
                "porcelana sube un 2 %, y la chamota sigue igual de áspera.",
                attach=(
                    (
                        "precios.csv",
                        "artículo | kg | €/kg\nGres negro | 12.5 | 0.91\nGres blanco | 12.5 | "
                        "0.78\nPorcelana | 10 | 1.66",
                    ),
                ),
            ),
        ),
    ),
    Talk(
        ORDERS,
        330,
        "60 espresso cups for the new counter",
        (
            Turn(
                "cafe",
                "Hi Mara,\n\nthe counter is in, and it is very long, and it is very empty. Could you do "
                "60 espresso cups in the sea "
                "green, 80 ml, no handle? Opening is in ten weeks. We'd love a small sun on the bottom, "
                "so that people find it "
                "when they've finished.",
            ),
            Turn(
                "me",
                "Yes to the sun. Ten weeks is fine: three to throw, two to dry, two firings. 14.50 each, "
                "a third up front. Test tile "
                "attached: left is what you saw, right is what the sea looks like in November.",
                18,
                (("tile.png", "sea green left and right"),),
            ),
            Turn("cafe", "November, obviously. Deposit is on its way.", 4),
            Turn("me", "All sixty are out of the kiln, fifty-nine are perfect and one I'm keeping.", 1440),
            Turn("cafe", "People turn them over. They tilt their heads and smile. It's exactly right.", 400),
        ),
        keywords=("$Commission",),
        flagged=True,
    ),
    Talk(
        ORDERS,
        118,
        "Plates for a wedding, and a question about blue",
        (
            Turn(
                "hana",
                "Dobrý den, slečno Lind,\n\nsorry, I start again in English: I saw your plates at the "
                "market in Altona. We marry in "
                "September, 24 guests. Could they be the blue of the sky just before it is dark? I know "
                "that this is not a colour.",
            ),
            Turn(
                "me",
                "It is, and it's called cobalt with a bit of manganese and a lot of luck. 24 plates plus "
                "two spare: 22 each. I'd send "
                "three test glazes first.",
                7,
            ),
            Turn("hana", "The second one! Everybody who saw it went quiet for a moment.", 190),
        ),
        keywords=("$Commission",),
    ),
    Talk(
        ORDERS,
        47,
        "Bowl arrived in (at least) four pieces",
        (
            Turn(
                "sam",
                "Hello — the parcel looked like it had been used for football. Photos attached. The "
                "glaze is beautiful, and now I can "
                "see it from all sides.",
                attach=(("pieces-1.png", "four pieces"), ("pieces-2.png", "the box")),
            ),
            Turn(
                "me",
                "Oh no. I'm sorry! A new one goes out tomorrow, packed by somebody angrier. Please keep "
                "the pieces; if you like, "
                "bring them to the kintsugi evening in June, I'll save you a seat.",
                3,
            ),
            Turn("sam", "That is the nicest customer service I've had from a bowl. See you in June.", 2),
        ),
    ),
    Talk(
        ORDERS,
        16,
        "Vaas voor op de vensterbank",
        (
            Turn(
                "noor",
                "Hoi Mara,\n\nmaak je ook vazen op maat? De vensterbank is 14 cm diep, en er staat "
                "altijd één tulp. Hij mag scheef "
                "staan, de tulp doet dat ook.",
            ),
            Turn("me", "Hallo Noor! Ja gern: 11 cm Fuß, 22 hoch, leicht schief. Drei Wochen. 48 € mit Versand.", 6),
            Turn("noor", "Heerlijk. Doe maar het grijsgroen.", 12),
        ),
    ),
    Talk(
        ORDERS,
        3.4,
        "Çay bardağı altlıkları",
        (
            Turn(
                "emre",
                "Merhaba,\n\nannem için altı tane çay bardağı altlığı yaptırmak istiyorum. Üzerinde nar "
                "deseni olabilir mi? Doğum "
                "günü ayın yirmisinde, yetişir mi?",
            ),
            Turn(
                "me",
                "Hello Emre — pomegranates, with pleasure. The 20th is tight but the kiln owes me a "
                "favour. Six saucers, 72 €.",
                4,
            ),
        ),
        keywords=("$Commission", "todo"),
    ),
    Talk(
        SHOW,
        96,
        "Exposition d'été : trois céramistes et la mer",
        (
            Turn(
                "gallery",
                "Chère Mara,\n\nnous préparons l'exposition d'été autour de la mer, avec trois "
                "céramistes. Vos bols « marée basse » "
                "y seraient chez eux. Vernissage le premier vendredi de juillet ; le transport est à "
                "notre charge, le rosé aussi.",
                attach=(
                    (
                        "Dossier été.pdf",
                        "Galerie Ete, Arles\nTrois ceramistes et la mer\nVernissage: premier vendredi de juillet",
                    ),
                ),
            ),
            Turn(
                "me",
                "Chère Mathilde,\n\nquelle joie. Je peux apporter douze bols et la grande coupe fendue, "
                "celle que tout le monde veut "
                "réparer. J'arrive en train avec les caisses.",
                26,
            ),
            Turn("gallery", "La coupe fendue sera au centre. Personne n'aura le droit de la réparer.", 5),
            Turn(
                "gallery",
                "Petit complément : il nous faudrait vos textes pour le catalogue avant le 15, 600 signes au plus.",
                700,
            ),
        ),
        keywords=("$Show",),
        flagged=True,
    ),
    Talk(
        SHOW,
        21,
        "Texte pour le catalogue",
        (
            Turn(
                "me",
                "Chère Mathilde, voici le texte, 588 signes :\n\n« Je tourne ce que la marée laisse : des "
                "bords, des creux, du sel. Le "
                "bol n'est fini que lorsqu'il a été vide un moment. »\n\nEt une photo de la coupe, de "
                "profil.",
                attach=(("coupe-profil.png", "coupe fendue de profil"),),
            ),
            Turn("gallery", "« Vide un moment » : nous le mettons sur le mur.", 8),
        ),
    ),
    Talk(
        "INBOX",
        75,
        "Brennkurve und das Knacken bei 573 Grad",
        (
            Turn(
                "me",
                "Guten Tag Herr Reuter,\n\nseit dem Tausch der Thermoelemente knackt es beim Abkühlen um "
                "570 °C. Quarzsprung, oder muss "
                "ich mir Sorgen machen? Kurve im Anhang.",
                attach=(
                    (
                        "brennkurve.csv",
                        "minute | soll °C | ist °C\n0 | 20 | 21\n120 | 600 | 588\n300 | 1100 | 1094\n420 | 1260 | 1257",
                    ),
                ),
            ),
            Turn(
                "kiln",
                "Frau Lind,\n\nQuarzsprung ja, aber Sie kühlen auch zu schnell: 90 K/h statt 60. Klappe "
                "zu lassen, Geduld haben. Der "
                "Ofen ist gesund, der knackt nur mit.",
                20,
            ),
            Turn("me", "Klappe bleibt zu. Danke!", 1),
        ),
    ),
    Talk(
        "INBOX",
        38,
        "Interview für Heft 3: »Das Gefäß und die Leere«",
        (
            Turn(
                "magazine",
                "Liebe Mara Lind,\n\nfür unser nächstes Heft möchten wir Sie in der Werkstatt "
                "besuchen. Thema: Gebrauch. Wer trinkt "
                "eigentlich aus Ihren Tassen, und was? Dauer etwa zwei Stunden, Fotografin "
                "inklusive.",
            ),
            Turn(
                "me",
                "Sehr gern. Die Werkstatt ist nur an Tagen ohne Brand ruhig, also dienstags. Ich koche "
                "Kaffee, Sie bringen die "
                "schwierigen Fragen.",
                28,
            ),
            Turn("magazine", "Dienstag, 10 Uhr. Die schwierigste: Warum sind Henkel so schwer?", 6),
        ),
        keywords=("$Press",),
    ),
    Talk(
        "INBOX",
        9,
        "Workshop im Juni — noch Plätze?",
        (
            Turn(
                "hana",
                "Hello again! We loved the plates. My sister is visiting in June, do you still have two "
                "places at the kintsugi evening? "
                "She breaks things professionally (she's a structural tester).",
            ),
            Turn("me", "Two places are yours. Tell her that we only repair here.", 5),
        ),
    ),
    Talk(
        "INBOX",
        1.3,
        "Rechnung Raummiete und ein Loch im Dach",
        (
            Turn(
                "tax",
                "Liebe Frau Lind,\n\ndie Raummiete ist jetzt umsatzsteuerpflichtig, bitte beim Vermieter "
                "eine neue Dauerrechnung anfordern. "
                "Und: das Loch im Dach können Sie absetzen, das Wasser darunter nicht.",
                attach=(
                    (
                        "Merkblatt.pdf",
                        "Umsatzsteuer bei Vermietung\n1. Dauerrechnung anfordern\n2. "
                        "Vorsteuer ziehen\n3. Dach reparieren",
                    ),
                ),
            ),
        ),
        keywords=("todo",),
    ),
    Talk(
        "INBOX",
        0.4,
        "Markt am Fischmarkt: Standplatz 41",
        (
            Turn(
                "cafe",
                "You're next to us this year! Stand 41, we're 42. We bring coffee, you bring cups, and "
                "between us we own the corner. Set-up "
                "from 5:30, wear something warm.",
                attach=(("Fischmarkt.ics", "Markt am Fischmarkt, Aufbau\nStand 41"),),
            ),
        ),
        flagged=True,
    ),
    Talk(
        "Drafts",
        0.9,
        "Re: Çay bardağı altlıkları",
        (Turn("me", "Hello Emre,\n\nthe first two are glazed. One pomegranate looks like an onion. Before I"),),
    ),
    Talk(
        "Drafts",
        6,
        "Price list, summer",
        (
            Turn(
                "me",
                "espresso cup 14.50\nbreakfast bowl 26\nplate, 22 cm 22\nplate, 27 cm ??\nvase from "
                "38\ncrooked vase the same, crookedness is free",
            ),
        ),
    ),
)
