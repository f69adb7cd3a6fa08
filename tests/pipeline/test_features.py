"""What is noticed in a message at a glance: golden ones in several languages, what must not be taken for something."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsync.pipeline import features, mime

BULK = "List-Unsubscribe: <https://shop.example/u>\n"
ROBOT = "From: Shop <no-reply@shop.example>\n"
ANSWER = "In-Reply-To: <1@x>\n"


def noticed(subject: str, text: str = "Nothing.", more: str = "", sender: str = "From: ann@example.org\n") -> set[str]:
    raw = f"{sender}To: me@example.com\n{more}Subject: {subject}\nContent-Type: text/plain; charset=utf-8\n\n{text}\n"
    found = features.features(mime.parse(raw.encode()))
    return {name for bit, name in features.NAMES.items() if found & bit}


@pytest.mark.parametrize(
    ("subject", "text", "more", "expected"),
    [
        ("Lunch", "Are you free?", "", {"question"}),
        ("Lunch", "See http://x.example/?a=1", "", set()),
        ("Mittag", "Könntest du Brot mitbringen", "", {"question"}),
        ("昼食", "今日は空いていますか？", "", {"question"}),
        ("Report", "I need it by Friday.", "", {"deadline"}),
        ("Bericht", "Bitte bis spätestens Montag.", "", {"deadline"}),
        ("Report", "We talked about Friday by the way.", "", set()),
        ("отчёт", "Это срочно", "", {"deadline"}),
        ("締切のお知らせ", "x", "", {"deadline"}),
        ("Re: plan", "Yes.\n\nOn Mon, 3 Mar 2025, Ann <a@x> wrote:\n> Can you come?\n", ANSWER, {"reply"}),
        ("Re: plan", "On Mon, 3 Mar 2025, Ann <a@x> wrote:\n> Fine.\n\nCan you come?", ANSWER, {"reply", "question"}),
        ("AW: plan", "Gut.\n\n-----Ursprüngliche Nachricht-----\nKannst du?", ANSWER, {"reply"}),
        ("Your receipt from Shop", "Thanks.", "", {"receipt"}),
        ("Hello", "Thank you for\nyour order. Order number 123", "", {"receipt"}),
        ("Ihre Bestellbestätigung", "x", "", {"receipt"}),
        ("We receipted nothing", "x", "", set()),
        ("Invoice 2025-17", "x", "", {"invoice"}),
        ("Votre facture", "x", "", {"invoice"}),
        ("请查收发票", "x", "", {"invoice"}),
        ("Your trip", "Your boarding pass is attached.", "", {"ticket"}),
        ("Buchungsbestätigung", "x", "", {"ticket"}),
        ("Your verification code", "123456", "", {"security_code"}),
        ("123456 is your Example code", "x", "", {"security_code"}),
        ("Anmeldung", "Dein Code lautet 4711", "", {"security_code"}),
        ("The new building code", "It has 300 pages.", "", set()),
        ("認証コード", "x", "", {"security_code"}),
        ("Re: that code", "The code has 2000 lines.", ANSWER, {"reply"}),
        ("Sources", "The code is at last in a place that we all can reach, and that is 2000 lines.", "", set()),
        ("Up to 50 % off: big sale", "Shop now", BULK, {"bulk", "promotion"}),
        ("Big sale of my old books", "Come by.", "", set()),
        ("Hi", "x", "List-Id: <dev.example.org>\n", {"list"}),
        ("Hi", "x", "Precedence: bulk\n", {"bulk"}),
        ("Hi", "x", "Auto-Submitted: auto-replied\n", {"automatic"}),
        ("Hi", "x", "Auto-Submitted: no\n", set()),
        ("Hi", "x", "X-Priority: 1 (Highest)\n", {"urgent"}),
        ("Hi", "x", "Cc: " + ", ".join(f"p{number}@example.org" for number in range(10)) + "\n", {"many"}),
    ],
)
def test_golden(subject: str, text: str, more: str, expected: set[str]) -> None:
    assert noticed(subject, text, more) == expected


PROTECTED = """\
Your Amazon.com order of "USB cable" has shipped!
Order confirmation #112-998
Order #1234 confirmed
We've received your order
Thanks for your purchase
Your payment of $12.00 to Spotify
You've sent a payment to Bob
Payment received
Receipt for your subscription
Your Apple receipt
Your refund has been issued
Your monthly statement is ready
Your bill is available
E-bill due 3 March
Invoice INV-22 from Acme
Subscription renewed
Your tickets for Saturday
Ticket confirmation: Coldplay
Your flight to Paris
Booking confirmed: Hotel X
Reservation at Luigi's
Boarding pass for LH123
Check in now for your flight
Your itinerary
123456 is your verification code
Your one-time passcode
Your login code
Verify your email address
Confirm your email
Reset your password
Sign-in link for Slack
Google: your PIN
Your package is out for delivery
Your parcel has been dispatched
Ihre Rechnung vom März
Rechnung Nr. 123
Ihre Bestellung bei Zalando
Bestellbestätigung 123
Zahlungsbestätigung
Ihr Beleg
Ihre Buchung
Ihre Fahrkarte
Ihr Kontoauszug
Bestätigungscode
Dein Anmeldecode
Ihre Sendung ist unterwegs
Votre facture est disponible
Votre commande a été expédiée
Confirmation de votre commande
Reçu de paiement
Votre réservation
Votre billet de train
Votre code de vérification
Su factura electrónica
Tu pedido ha sido enviado
Confirmación de compra
Tu reserva está confirmada
Tu código de verificación
La tua fattura
Conferma ordine 123
La tua prenotazione
Codice di verifica
Sua fatura
Confirmação de pagamento
Uw factuur
Bevestiging van je bestelling
Je reservering
Din faktura
Orderbekräftelse
Twoja faktura
Potwierdzenie płatności
Ваш заказ оформлен
Счёт на оплату
Электронный билет
Код подтверждения
ご注文の確認
領収書
订单确认
验证码
주문 확인
인증번호 안내
"""
"""Subjects of receipts, invoices, tickets and codes."""
ORDINARY = """\
Spring sale: 50% off everything
Weekly newsletter: the future of cities
10 tips to improve your garden
New episode is out
Join our webinar on Thursday
[lkml] [PATCH v2] fix memory leak
Your weekly digest
Meet our new collection
Last chance: 20% discount
Black Friday deals
What's new in Python 3.14
Flight deals from $99
Re: meeting tomorrow
Neue Artikel in unserem Shop
Découvrez nos nouveautés
Nuevas ofertas
LinkedIn: you appeared in 3 searches
Bob commented on your post
"""


def test_what_nobody_wants_to_lose_is_recognised_by_its_subject() -> None:
    important = {features.NAMES[bit] for bit in features.NAMES if bit & features.IMPORTANT}
    assert [subject for subject in PROTECTED.splitlines() if not noticed(subject) & important] == []
    assert [subject for subject in ORDINARY.splitlines() if noticed(subject) & important] == []


@pytest.mark.parametrize("local", ["no-reply", "noreply", "DoNotReply", "do_not_reply", "mailer-daemon", "alerts+x"])
def test_addresses_of_programs(local: str) -> None:
    assert "automatic" in noticed("Hi", sender=f"From: {local}@example.org\n")


@pytest.mark.parametrize("local", ["norah", "systematic.ann", "ann", "robotham"])
def test_addresses_of_people(local: str) -> None:
    assert "automatic" not in noticed("Hi", sender=f"From: {local}@example.org\n")


def test_a_notification_is_what_a_program_sent() -> None:
    assert noticed("Reminder: your meeting", sender=ROBOT) == {"automatic", "notification"}
    assert noticed("Reminder: your meeting") == set()


def test_attachments_are_looked_at_by_name() -> None:
    raw = (
        b"From: ann@example.org\nSubject: here\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n"
        b"--b\n\nx\n--b\nContent-Type: application/pdf\nContent-Disposition: attachment; filename=Invoice-17.pdf\n\nx\n"
        b"--b\nContent-Type: text/calendar\n\nBEGIN:VCALENDAR\nEND:VCALENDAR\n--b--\n"
    )
    assert features.features(mime.parse(raw)) & features.INVOICE
    assert features.features(mime.parse(raw)) & features.CALENDAR


@given(st.text(max_size=400), st.text(max_size=100))
def test_whatever_it_says(text: str, subject: str) -> None:
    raw = f"Subject: {subject}\n\n{text}".encode("utf-8", "replace")
    message = mime.parse(raw)
    assert features.features(message) == features.features(message) < 1 << len(features.NAMES)


@pytest.mark.parametrize("piece", ["-automat_", "?'", "on a@", ">", "=?", "--", "a:\n", "On 1:\n", "。", "\x00"])
def test_no_text_takes_long(piece: str) -> None:
    raw = f"From: {piece * 5000}@x\nIn-Reply-To: <a@b>\nSubject: {piece * 5000}\n\n{piece * 50000}".encode()
    message = mime.parse(raw)
    started = time.perf_counter()
    features.features(message)
    assert time.perf_counter() - started < 0.5
