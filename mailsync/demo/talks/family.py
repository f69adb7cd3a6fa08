"""Family, and a journey to Kyoto."""

from __future__ import annotations

from mailsync.demo.letters import Talk, Turn

REZEPTE = "Familie/Ömas Rezepte"
FAMILY = "Familie"
KYOTO = "旅行/京都"

TALKS: tuple[Talk, ...] = (
    Talk(
        REZEPTE,
        702,
        "Pflaumenkuchen, endlich aufgeschrieben",
        (
            Turn(
                "oma",
                "Liebe Mara,\n\ndu wolltest den Zwetschgenkuchen. Also: 500 g Mehl, ein Würfel Hefe, 80 g "
                "Zucker, 250 ml Milch "
                "(lauwarm, nicht heiß!), 80 g Butter, ein Ei. Zwei Stunden gehen lassen, und zwar am Fenster, wo "
                "die Sonne "
                "hinkommt.\n\nDie Zwetschgen stehen im Teig wie Soldaten, nicht liegen.\n\nBacken bei 190 Grad, "
                "bis es im "
                "Treppenhaus riecht.",
            ),
            Turn("me", "Omi, danke! Was heißt »bis es im Treppenhaus riecht« in Minuten? Ich wohne ganz oben.", 20),
            Turn("oma", "Vierzig. Aber du hast doch eine Nase.", 3),
        ),
        keywords=("$Recipe",),
        flagged=True,
        charset="iso-8859-1",
    ),
    Talk(
        REZEPTE,
        511,
        "Klöße",
        (
            Turn(
                "oma",
                "Halb roh, halb gekocht. Wer dir etwas anderes erzählt, kommt nicht aus Thüringen.\n\nDie rohen "
                "Kartoffeln "
                "auspressen, bis dir die Hände weh tun, die Stärke absetzen lassen und zurück in den Teig. In "
                "die Mitte "
                "geröstete Semmelwürfel.\n\nIch lege dir die Karte von Tante Gerda dazu.",
                attach=(
                    ("Klöße Tante Gerda.pdf", "Klöße\n\n1,5 kg Kartoffeln\n1 TL Salz\n2 Semmeln\nButter zum Rösten"),
                ),
            ),
            Turn("me", "Gestern gemacht, zwölf Stück, alle weg. Jonas hat fünf gegessen.", 96),
        ),
        keywords=("$Recipe",),
        charset="iso-8859-1",
    ),
    Talk(
        REZEPTE,
        143,
        "Re: Brot ohne Kneten — geht das wirklich?",
        (
            Turn(
                "oma",
                "Dass es ohne Kneten geht, glaube ich erst, wenn ich es sehe. Bring mir ein halbes mit am "
                "Sonntag, aber "
                "erzähl deinem Bruder nichts, sonst ist es weg bevor ich es probiert habe.",
            ),
        ),
    ),
    Talk(
        FAMILY,
        388,
        "Oma's 85th: who brings what",
        (
            Turn(
                "jonas",
                "Right, list so far:\n\n- venue: the boathouse, booked 14:00 to 22:00\n- cake: Mara (plum, "
                "obviously)\n"
                "- music: Anders says he'll bring the accordion whether we like it or not\n- speech: nobody. "
                "Mara?\n\n"
                "Can you take the speech? You make people cry in the good way.",
            ),
            Turn(
                "me",
                "Five minutes, no slides. In return you pick her up and you do NOT tell her where you're going.",
                2,
            ),
            Turn("anders", "The accordion has been tuned. This is not a threat.", 5),
            Turn(
                "jonas",
                "Deal. And seating plan attached, please shout if you want to be away from uncle Rolf.",
                30,
                (
                    (
                        "seating.csv",
                        "table | seat | who\n1 | 1 | Oma\n1 | 2 | Mara\n1 | 3 | Jonas\n2 | 1 | Rolf\n2 | 2 | Anders",
                    ),
                ),
            ),
        ),
        cc=("anders",),
    ),
    Talk(
        FAMILY,
        371,
        "Fotos vom Bootshaus",
        (
            Turn(
                "jonas",
                "Die besten drei. Auf dem zweiten lacht sie so, dass man ihre ganzen Zähne sieht, das will sie "
                "bestimmt "
                "nicht gerahmt haben, also rahmen wir es.",
                attach=(
                    ("bootshaus-1.png", "steg am abend"),
                    ("bootshaus-2.png", "oma lacht"),
                    ("bootshaus-3.png", "kuchen"),
                ),
            ),
            Turn("me", "Rahmen. Sofort. Ich zahle die Hälfte.", 1),
        ),
        flagged=True,
    ),
    Talk(
        FAMILY,
        61,
        "Papas Werkzeugkiste",
        (
            Turn(
                "jonas",
                "Ich räume gerade den Keller in Ahrensburg. Willst du die Kiste mit den Stechbeiteln? "
                "Die mit den "
                "Buchenheften, er hat sie noch selbst geschärft. Ich bringe sie sonst niemandem.",
            ),
            Turn("me", "Ja. Unbedingt. Auch die stumpfen.", 4),
            Turn("jonas", "Es gibt keine stumpfen.", 0.2),
        ),
    ),
    Talk(
        KYOTO,
        248,
        "桜の季節、いらっしゃいますか",
        (
            Turn(
                "yuki",
                "マラさん\n\nお久しぶりです。来年の春、京都に来る予定はまだありますか。"
                "\n四月の第一週なら、うちの離れが空いています。"
                "庭の桜は小さいけれど、毎年ちゃんと咲きます。\n\n去年送ってくださった湯呑み、"
                "毎朝使っています。",
            ),
            Turn(
                "me",
                "由紀さん\n\n行きます！四月一日から九日まで、もう休みを取りました。"
                "\n釉薬の先生にも会えたら嬉しいです。\n\nMara",
                40,
            ),
            Turn(
                "yuki",
                "先生に話しておきました。五条坂の窯は四月三日が空いているそうです。\n少し寒いので、上着を忘れずに。",
                22,
            ),
        ),
        flagged=True,
        charset="iso-2022-jp",
    ),
    Talk(
        KYOTO,
        231,
        "ご予約の確認　四月七日〜九日",
        (
            Turn(
                "ryokan",
                "Mara Lind 様\n\nこの度はご予約いただき、誠にありがとうございます。"
                "\n\nお部屋：　松の間（八畳、庭側）\nご到着：　四月七日　午後三時以降\n"
                "ご出発：　四月九日　午前十時まで\n"
                "お食事：　朝夕二食付き\n\n夕食の時間は十八時と十八時半からお選びいただけます。",
                attach=(
                    (
                        "yoyaku.pdf",
                        "Hakuunso - reservation\nRoom: Matsu (8 tatami, garden)\n2 nights, breakfast and dinner",
                    ),
                ),
            ),
            Turn("me", "十八時半でお願いいたします。魚は大好きですが、貝は食べられません。", 12),
            Turn(
                "ryokan", "かしこまりました。貝を使わないお献立をご用意いたします。お気をつけてお越しくださいませ。", 14
            ),
        ),
        keywords=("$Travel",),
    ),
    Talk(
        KYOTO,
        188,
        "Notes for Kyoto (mostly food)",
        (
            Turn(
                "tomasz",
                "I lived there for two years, so, in no order: the tofu place behind Nanzen-ji opens at 11 and "
                "is full at "
                "11:05. Buy the small broom at the shop on Sanjō bridge, you will not regret the small broom. "
                "Take the "
                "bus 5 only if you like standing.\n\nAnd walk the Philosopher's Path at 6 in the morning or not "
                "at all.",
            ),
            Turn("me", "I have questions about the broom.", 3),
            Turn("tomasz", "You'll understand when you hold it.", 1),
        ),
    ),
)
