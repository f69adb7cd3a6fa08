"""The words by which mail programs and people introduce a quote or take leave, in the languages of much mail.

Data for `quotes`, in lower case: phrases parted by `|`.
"""

from __future__ import annotations

WROTE = (
    "wrote|writes|said|schrieb|schreibt|geschrieben|écrit|escribió|escribio|escreveu|ha scritto|scrive|schreef|skrev|"
    "skreiv|kirjoitti|napisał|napisała|napisał(a)|pisze|napsal|napsala|написал|написала|написав|пишет|пишете|yazdı|viết|"
    "írta|a scris|έγραψε|写道|寫道|書きました|のメッセージ|작성|כתב|כתבה|كتب"
)
"""What somebody did, of whom a quote is."""

BEGINS = "on|am|le|el|il|em|op|den|på|dnia|w dniu|v|dne|в|la|a|at|vào|στις|from|in a message dated|em|lørdag|ons"
"""What the line that says so begins with, where it does not begin with a number or a name."""

ANNOUNCED = (
    "begin forwarded message|original message|forwarded message|forwarded email|forwarded mail|ursprüngliche nachricht|"
    "ursprüngliche mail|ursprüngliche e-mail|originalnachricht|weitergeleitete nachricht|message d'origine|"
    "message original|message transféré|mensaje original|mensaje reenviado|mensagem original|mensagem encaminhada|"
    "mensagem reencaminhada|messaggio originale|messaggio inoltrato|oorspronkelijk bericht|origineel bericht|"
    "doorgestuurd bericht|ursprungligt meddelande|vidarebefordrat meddelande|opprinnelig melding|videresendt melding|"
    "oprindelig meddelelse|videresendt besked|alkuperäinen viesti|wiadomość oryginalna|oryginalna wiadomość|"
    "původní zpráva|eredeti üzenet|orijinal mesaj|исходное сообщение|пересылаемое сообщение|пересылаемое письмо|"
    "оригинальное сообщение|原始邮件|转发邮件|原始郵件|원본 메시지|元のメッセージ"
)
"""What a line says that introduces a whole message."""

AUTHOR = "from|von|de|da|van|från|fra|od|от|lähettäjä|kimden|feladó|expéditeur|发件人|寄件者|差出人|보낸 사람"
"""The author's field of a header as programs translate it."""

FIELDS = (
    "sent|date|to|cc|subject|gesendet|datum|an|betreff|kopie|envoyé|à|objet|enviado|enviado el|para|fecha|asunto|data|"
    "assunto|inviato|a|oggetto|verzonden|aan|onderwerp|skickat|till|ämne|sendt|til|emne|wysłano|do|temat|отправлено|"
    "дата|кому|тема|lähetetty|vastaanottaja|aihe|gönderme tarihi|kime|konu|发送时间|收件人|主题|送信日時|宛先|件名|"
    "보낸 날짜|받는 사람|제목"
)
"""Other fields of it."""

TELEPHONE = (
    "sent from|sent via|sent using|get outlook for|gesendet von|gesendet mit|envoyé de|envoyé depuis|enviado desde|"
    "enviado do|enviado de|enviado a partir|inviato da|inviato dal|verzonden vanaf|verzonden met|skickat från|"
    "sendt fra|lähetetty|wysłane z|отправлено с|iphoneから送信|androidから送信|ipadから送信"
)
"""How the line begins that a telephone adds."""

LEAVE = (
    "regards|kind regards|best regards|warm regards|kindest regards|warmest regards|with kind regards|"
    "with best regards|many regards|best wishes|kind wishes|with best wishes|cheers|sincerely|sincerely yours|yours|"
    "yours sincerely|yours truly|yours faithfully|best|all the best|thanks|thanks again|thanks in advance|thanks a lot|"
    "thank you|many thanks|thx|cordially|love|grüße|gruß|gruss|gruesse|viele grüße|beste grüße|liebe grüße|"
    "herzliche grüße|schöne grüße|mit freundlichen grüßen|freundliche grüße|mit freundlichem gruß|mit besten grüßen|"
    "mit freundlichen grüssen|freundliche grüsse|mfg|lg|vg|cordialement|bien cordialement|amicalement|salutations|"
    "bien à vous|bien à toi|saludos|saludos cordiales|un saludo|atentamente|saluti|cordiali saluti|distinti saluti|"
    "atenciosamente|abraço|abraços|groet|groeten|groetjes|met vriendelijke groet|met vriendelijke groeten|"
    "vänliga hälsningar|med vänliga hälsningar|vennlig hilsen|med vennlig hilsen|venlig hilsen|med venlig hilsen|mvh|"
    "pozdrawiam|z poważaniem|с уважением|спасибо"
)
"""What people write above their name."""
