"""Friends, neighbours and a leaking tap."""

from __future__ import annotations

from mailsync.demo.letters import Talk, Turn

TALKS: tuple[Talk, ...] = (
    Talk(
        "INBOX",
        455,
        "Un week-end à Lyon ?",
        (
            Turn(
                "claire",
                "Coucou Mara,\n\nj'ai deux billets pour les Nuits de Fourvière le 21, et mon canapé "
                "t'attend. Il y aura "
                "le marché de la Croix-Rousse le samedi matin et, si la météo est gentille, baignade "
                "à Miribel.\n\n"
                "Dis oui.",
            ),
            Turn(
                "me",
                "Oui ! J'arrive vendredi à 19 h 04, voie je-ne-sais-pas. J'apporte un bol pour remplacer "
                "celui que j'ai "
                "cassé.",
                8,
            ),
            Turn("claire", "Tu l'as cassé il y a quatre ans, j'avais presque fini de t'en vouloir.", 2),
        ),
    ),
    Talk(
        "INBOX",
        92,
        "Le bol est arrivé",
        (
            Turn(
                "claire",
                "Entier ! Emballé comme une bombe, ça m'a pris vingt minutes. La couleur est "
                "exactement celle de la Saône "
                "en février. Merci, merci.",
            ),
        ),
    ),
    Talk(
        "INBOX",
        33,
        "Wasserhahn in der Küche tropft",
        (
            Turn(
                "me",
                "Guten Tag,\n\nder Wasserhahn in der Küche tropft seit Montag, inzwischen etwa ein Liter "
                "pro Stunde. "
                "Könnten Sie jemanden schicken? Ich bin mittwochs und freitags ab 16 Uhr da.",
            ),
            Turn(
                "vermieter",
                "Sehr geehrte Frau Lind,\n\nvielen Dank für Ihre Nachricht. Ihr Anliegen wurde "
                "unter der Nummer "
                "24-1187 aufgenommen. Der Installateur meldet sich telefonisch bei Ihnen.",
                26,
            ),
            Turn("me", "Er hat sich noch nicht gemeldet. Es sind jetzt zwei Liter.", 120),
            Turn(
                "vermieter",
                "Sehr geehrte Frau Lind,\n\nder Termin ist Freitag, 16:30 Uhr. Bitte räumen Sie den Unterschrank frei.",
                3,
            ),
        ),
    ),
    Talk(
        "INBOX",
        19,
        "Segling i skärgården, vecka 29",
        (
            Turn(
                "anders",
                "Hej Mara!\n\nBåten är i sjön. Jag har bokat gästhamnen på Sandhamn tisdag till "
                "torsdag, sen ser vi "
                "vart vinden blåser. Ta med: flytväst, mössa (ja, i juli), och den där "
                "osten.\n\nJonas får sova i "
                "fören, han snarkar.",
            ),
            Turn("me", "Jag tar osten. Jonas säger att han inte snarkar, han »andas engagerat«.", 5),
        ),
        cc=("jonas",),
    ),
    Talk(
        "INBOX",
        11,
        "صور من بيروت",
        (
            Turn(
                "leila",
                "عزيزتي مارا،\n\nوصلنا إلى بيروت مساء أمس. الشرفة ما زالت تطل على البحر، والجارة ما "
                "زالت تطعم كل قطط الحي.\n"
                "أرسل لك صورتين، والباقي حين نلتقي.\n\nمع محبتي،\nليلى",
                attach=(("شرفة.png", "balcony and sea"), ("قطط.png", "cats")),
            ),
            Turn("me", "Habibti, die Katzen! Grüß die Nachbarin. Ich habe einen Teller mit drei von ihnen gemacht.", 9),
        ),
    ),
    Talk(
        "INBOX",
        8,
        "Велосипед",
        (
            Turn(
                "oleh",
                "Привіт, Маро!\n\nЯ нарешті полагодив твій велосипед: нові гальма, новий ланцюг, старий "
                "дзвінок залишив, "
                "бо він найкращий у місті. Можеш забрати в суботу після десятої.\n\nОлег",
            ),
        ),
        charset="koi8-u",
    ),
    Talk(
        "INBOX",
        5,
        "Klettern am Donnerstag?",
        (
            Turn(
                "tomasz",
                "Halle um sieben? Ich habe die gelbe Route im Überhang immer noch nicht und brauche "
                "jemanden, der unten "
                "»fast« ruft.",
            ),
            Turn("me", "Ich kann sehr überzeugend »fast« rufen. Sieben passt.", 2),
            Turn("tomasz", "🧗 Perfekt. Danach Pierogi bei mir, Mama hat ein Paket geschickt.", 1),
        ),
    ),
    Talk(
        "INBOX",
        2.2,
        "Terminbestätigung Kontrolluntersuchung",
        (
            Turn(
                "arzt",
                "Guten Tag Frau Lind,\n\nhiermit bestätigen wir Ihren Termin. Bitte bringen Sie Ihre "
                "Versichertenkarte mit. "
                "Falls Sie verhindert sind, sagen Sie bitte 24 Stunden vorher ab.",
                attach=(("Termin.ics", "Kontrolluntersuchung\nPraxis Dr. Sommer, Große Elbstraße 12"),),
            ),
        ),
        keywords=("todo",),
    ),
    Talk(
        "INBOX",
        0.6,
        "Book club: the lighthouse one won",
        (
            Turn(
                "jonas",
                "Votes are in: 4 for the lighthouse book, 2 for the whale book, 1 for “please "
                "something short”. So it's "
                "the lighthouse, 312 pages, first Sunday of the month, at Claire's via video. I'll "
                "bring crisps "
                "and opinions.",
            ),
            Turn("claire", "312 pages ? Quelqu'un a-t-il vu le film ?", 1),
            Turn("anders", "There is no film. There is, however, an audiobook read by a man who sounds like fog.", 1.5),
        ),
        cc=("claire", "anders", "tomasz"),
    ),
    Talk(
        "Drafts",
        1.1,
        "Rede für Jonas und Claire (Entwurf 3)",
        (
            Turn(
                "me",
                "Liebe Alle,\n\nals Jonas mir erzählte, dass er nach Lyon zieht »wegen des Essens«, "
                "wusste ich zwei Dinge: "
                "dass er lügt, und wie sie heißt.\n\n[hier die Geschichte mit dem Boot, aber kürzer]\n\n…",
            ),
        ),
    ),
    Talk(
        "Junk",
        14,
        "You have been pre-approved for a boat",
        (
            Turn(
                "prizes",
                "Dear valued captain,\n\nour records show that your boat is waiting. To release the "
                "boat, reply with the "
                "name of your favourite sea. Offer ends at high tide.",
            ),
        ),
    ),
    Talk(
        "Trash",
        27,
        "Flohmarkt-Fundstück zu verkaufen?",
        (Turn("oleh", "Brauchst du eine Schreibmaschine? Sie klemmt beim ß, ist sonst aber sehr höflich."),),
    ),
    Talk(
        "Archive/{year}",
        540,
        "Steuerunterlagen, letzte Mahnung (freundlich)",
        (
            Turn(
                "tax",
                "Liebe Frau Lind,\n\nes fehlen noch: der Beleg über die Brennofen-Reparatur, die "
                "Fahrtkosten März und ein "
                "Lebenszeichen.\n\nHerzlich",
            ),
            Turn(
                "me",
                "Alles im Anhang, samt Lebenszeichen.",
                30,
                (("Belege.pdf", "Ofenbau Reuter  412,00 EUR\nBahn Maerz       88,40 EUR\nPorto            17,95 EUR"),),
            ),
            Turn("tax", "Wunderbar. Sie bekommen 214 Euro zurück. Kaufen Sie Ton.", 70),
        ),
    ),
    Talk(
        "Archive/{year}",
        620,
        "Moving the piano",
        (
            Turn(
                "anders",
                "Three people, two straps, one staircase with a turn. I measured: it goes round if we "
                "take the lid off and "
                "nobody laughs. Saturday at nine?",
            ),
            Turn("jonas", "I will laugh. I'm telling you now so that you can plan for it.", 2),
            Turn("me", "I'll do breakfast and stand at the top saying »left«.", 1),
            Turn("anders", "Your left or my left", 0.1),
        ),
        cc=("jonas",),
    ),
    Talk(
        "Archive/{year}",
        160,
        "Mitgliedschaft Ruderclub: Schlüssel",
        (
            Turn(
                "tomasz",
                "Der neue Schlüssel fürs Bootshaus liegt beim Bäcker. Der Bäcker weiß Bescheid, gib "
                "ihm einfach die Hand und "
                "sag »Steuerbord«.",
            ),
            Turn(
                "me",
                "Er hat »Backbord« geantwortet und mir ein Franzbrötchen geschenkt. Was ist das für ein Verein?",
                25,
            ),
        ),
    ),
)
