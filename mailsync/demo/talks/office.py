"""The lighthouse, the team, the storm."""

from __future__ import annotations

from mailsync.demo.letters import Talk, Turn

LIGHT = "Projects/Lighthouse"
TEAM = "Team"

TALKS: tuple[Talk, ...] = (
    Talk(
        LIGHT,
        364,
        "The lamp room, and 212 steps",
        (
            Turn(
                "okafor",
                "Dear Mara,\n\nthe Trust would like the lighthouse open to visitors by next summer. "
                "The stairs are 212, the handrail is 1893, "
                "and the insurance is nervous. Would you come and look? There is tea at the top, if "
                "you carry it.",
            ),
            Turn("me", "Dear Chidi, with pleasure. Thursday week? I'll bring a thermos and a torque wrench.", 9),
            Turn("okafor", "Splendid. The keeper's cat will show you up. Follow the cat.", 3),
            Turn(
                "me",
                "Report attached. Short version: rail anchors 31 to 44 need replacing, everything else "
                "outlives us. The cat is structural.",
                260,
                (
                    (
                        "lighthouse-inspection.pdf",
                        "Inspection, stair and rail\nAnchors 31-44: replace\nOthers: sound\nCat: structural",
                    ),
                ),
            ),
        ),
        keywords=("$Client",),
        flagged=True,
    ),
    Talk(
        LIGHT,
        57,
        "Listed building consent: the colour of the rail",
        (
            Turn(
                "okafor",
                "The conservation officer asks whether the rail was ever green. Our oldest photograph "
                "is, alas, black and white.",
            ),
            Turn(
                "me",
                "I scraped a square centimetre at step 88: black, red lead, green, green, red lead. So it "
                "was green twice.",
                28,
                (("step-88.png", "paint layers"),),
            ),
            Turn("okafor", "Green twice! She is delighted. Consent by Friday.", 5),
        ),
    ),
    Talk(
        TEAM,
        310,
        "Holiday cover, and who waters the ficus",
        (
            Turn(
                "office",
                "Please enter your holidays by Friday. Also: the ficus on the third floor is "
                "somebody's responsibility and it isn't mine.",
            ),
            Turn("stefan", "Der Ficus wird von niemandem gegossen und wächst trotzdem. Nicht anfassen.", 1),
            Turn(
                "dmitri",
                "I put a moisture sensor in it in May. It's at 31 %. It is doing better than the quay wall.",
                0.5,
            ),
        ),
        cc=("stefan", "dmitri", "priya", "ines"),
    ),
    Talk(
        TEAM,
        102,
        "Retro: the week the pump failed",
        (
            Turn(
                "priya",
                "What went well: the phone tree, Stefan's second generator, nobody blamed "
                "anybody.\nWhat didn't: the float switch, the label on "
                "the float switch, and that the only spare key was in Lisbon with Ines.\n\nActions:\n- "
                "second key box (me)\n- label in two "
                "languages (Stefan)\n- test monthly, for real, with water (all)",
            ),
            Turn("ines", "The key has come home. It saw the Tejo.", 3),
            Turn("stefan", "Schild hängt. Zwei Sprachen und ein Pfeil.", 20),
        ),
        cc=("stefan", "ines"),
        keywords=("$Decision",),
    ),
    Talk(
        TEAM,
        26,
        "Lunch talk: how a lock gate feels the tide",
        (
            Turn(
                "ines",
                "Wednesday 12:30, big room, bring your own sandwich. I'll show a year of strain data as "
                "a sound. It hums a low E flat, except at "
                "springs, when it sings.",
                attach=(("talk.ics", "Lunch talk: how a lock gate feels the tide\nBig room"),),
            ),
            Turn("dmitri", "I have a subwoofer.", 0.3),
            Turn("me", "Of course you do. See you there.", 1),
        ),
        cc=("dmitri", "priya", "stefan"),
    ),
    Talk(
        "INBOX",
        44,
        "Reisekosten Lissabon",
        (
            Turn(
                "office",
                "Hallo Mara,\n\nfür Lissabon fehlt noch der Beleg vom Flughafenzug. Und »Pastéis de "
                "Nata (Kundengespräch)« lasse ich einmal durchgehen.",
            ),
            Turn("me", "Beleg anbei. Es war ein sehr langes Kundengespräch.", 5, (("Beleg.png", "ticket"),)),
        ),
    ),
    Talk(
        "INBOX",
        12,
        "Draft contract for the second survey",
        (
            Turn(
                "survey",
                "Dear Mara, as discussed: four days, two of them weather reserve. Clause 6 says what "
                "happens if the ferry insists on existing again.",
            ),
            Turn("me", "Clause 6 is the best clause I've read this year. Signed copy follows.", 10),
        ),
    ),
    Talk(
        "INBOX",
        6,
        "Pile test on Monday: who holds the radio",
        (
            Turn(
                "stefan",
                "Montag 7:00 Probebelastung P12. Brauche jemanden am Funk, jemanden an der Pumpe und "
                "jemanden, der dem Hafenkapitän erklärt, "
                "warum es gleich knallt (es knallt nicht, aber er fragt jedes Jahr).",
            ),
            Turn("priya", "Radio. I like the radio.", 0.7),
            Turn("me", "Then I talk to the harbour master.", 0.5),
            Turn("stefan", "Danke. Kaffee steht ab halb sieben.", 0.4),
        ),
        cc=("priya",),
        keywords=("todo",),
    ),
    Talk(
        "INBOX",
        2.6,
        "Re-measure of C5: good news",
        (
            Turn(
                "divers",
                "Moin Mara,\n\nC5 noch einmal gemessen, gleiche Punkte, andere Jahreszeit: 5,7 / 5,9 "
                "/ 6,0. Also praktisch kein Abtrag mehr seit der "
                "Opferanode. Und Sicht zwei Meter, das gibt es einmal im Jahr.",
                attach=(("C5-herbst.csv", "pile | depth m | mm\nC5 | 3.0 | 5.7\nC5 | 4.5 | 5.9\nC5 | 6.0 | 6.0"),),
            ),
            Turn("priya", "That is the best e-mail of the month. The anode pays for itself twice.", 2),
        ),
        cc=("priya",),
        flagged=True,
    ),
    Talk(
        "INBOX",
        0.8,
        "Storm surge warning for Thursday night",
        (
            Turn(
                "ines",
                "The model has 2.9 m above mean high water on Thursday around 02:00, with 20 cm to "
                "either side. I'd close the small gate at "
                "18:00 and move the pontoon before dark.\n\nUpdate every six hours from me, or when it "
                "jumps.",
            ),
            Turn("stefan", "Tor klein 18:00, Ponton 15:30, ich habe zwei Leute.", 1),
            Turn("dmitri", "All gauges on one-minute interval from noon. Battery 98 %.", 0.5),
            Turn("ines", "06:00 run: 3.1 m, and earlier, 01:20. Please close at 17:00.", 5),
        ),
        cc=("stefan", "dmitri", "priya"),
        keywords=("$Important",),
        flagged=True,
    ),
    Talk(
        "INBOX",
        0.25,
        "Question about the green paint",
        (
            Turn(
                "okafor",
                "A visitor, aged seven, asks which of the two greens is the real one. I said that I knew whom to ask.",
            ),
        ),
    ),
    Talk(
        "Drafts",
        0.5,
        "Award letter, the kind version",
        (
            Turn(
                "me",
                "Dear Sir or Madam,\n\nthank you for your offer. We have chosen another one, and I'd like to "
                "tell you why, because it was close:",
            ),
        ),
    ),
    Talk(
        "Archive/{year}",
        648,
        "Old drawings from the attic",
        (
            Turn(
                "port",
                "Sehr geehrte Frau Lind,\n\nbeim Aufräumen fanden sich 40 Blatt Leinenpausen, 1958 bis "
                "1962, darunter Abschnitt C. Möchten Sie sie "
                "einsehen, bevor sie ins Archiv gehen?",
            ),
            Turn("me", "Sehr gern, morgen um acht stehe ich vor der Tür.", 1),
        ),
        charset="iso-8859-1",
    ),
)
