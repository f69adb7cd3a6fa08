"""The words and phrases by which `features` recognises what a message is about, in the languages of much mail.

Data, in lower case and parted by `|`. What protects a message from being cleared away (receipts, invoices, tickets,
codes) is told by many words: to take too much for one costs little. Short ones are looked for in the subject, phrases
and long ones in the text as well.
"""

from __future__ import annotations

RECEIPT = (
    "receipt|receipts|e-receipt|refund|refunded|purchase|purchases|payment|payments|transaction|order|orders|"
    "order placed|order received|order confirmed|order details|order total|has shipped|been shipped|been dispatched|"
    "out for delivery|shipping confirmation|delivery confirmation|tracking number|you paid|your payment|payment of|"
    "sent a payment|subscription renewed|subscription has been renewed|your trip with|your trip on|your order|"
    "my order|this order|order confirmation|order number|order id|order summary|order has shipped|"
    "thank you for your order|thanks for your order|thank you for your purchase|your purchase|payment received|"
    "payment confirmation|proof of purchase|quittung|kassenbon|beleg|zahlung|zahlungen|bestellung|lieferung|sendung|"
    "erstattung|rückerstattung|sendungsnummer|sendungsverfolgung|wurde versandt|bestellbestätigung|"
    "auftragsbestätigung|bestellnummer|ihre bestellung|deine bestellung|zahlungsbestätigung|zahlungseingang|"
    "kaufbeleg|versandbestätigung|reçu|paiement|remboursement|commande|colis|expédiée|numéro de suivi|votre commande|"
    "ta commande|confirmation de commande|numéro de commande|confirmation de paiement|recibo|pedido|compra|pago|"
    "reembolso|número de seguimiento|tu pedido|su pedido|confirmación de pedido|confirmación del pedido|"
    "número de pedido|comprobante de pago|ricevuta|ordine|acquisto|pagamento|rimborso|spedizione|il tuo ordine|"
    "conferma dell'ordine|conferma d'ordine|numero d'ordine|numero ordine|encomenda|recibos|seu pedido|sua encomenda|"
    "confirmação do pedido|número do pedido|comprovante de pagamento|bestelling|betaling|terugbetaling|"
    "bestelbevestiging|bestelnummer|je bestelling|uw bestelling|betalingsbewijs|kassabon|orderbekräftelse|"
    "ordernummer|kvitto|betalning|beställning|kvittering|bestilling|ordrebekreftelse|ordrebekræftelse|paragon|"
    "płatność|płatności|zamówienie|zamówienia|przesyłka|potwierdzenie zamówienia|numer zamówienia|twoje zamówienie|"
    "чек|заказ|заказа|оплата|платёж|платеж|покупка|посылка|ваш заказ|номер заказа|領収書|ご注文|注文番号|订单|訂單|"
    "付款|退款|发货|お支払い|発送|영수증|주문|결제|배송"
)
INVOICE = (
    "invoice|invoices|bill|bills|e-bill|billing|statement|statements|your bill|billing statement|account statement|"
    "amount due|payment due|tax invoice|credit note|rechnung|rechnungen|abrechnung|lastschrift|ihre rechnung|"
    "rechnungsnummer|gutschrift|mahnung|zahlungserinnerung|kontoauszug|facture|factures|prélèvement|votre facture|"
    "numéro de facture|relevé de compte|avoir n°|factura|facturas|recibo|su factura|tu factura|número de factura|"
    "estado de cuenta|fattura|fatture|bolletta|la tua fattura|numero fattura|estratto conto|nota fiscal|fatura|"
    "sua fatura|boleto|factuur|factuurnummer|faktura|fakturanummer|faktury|rachunek|laskunne|lasku|счёт-фактура|"
    "счет-фактура|счёт на оплату|счет на оплату|請求書|发票|發票|帳單|账单|청구서"
)
TICKET = (
    "ticket|tickets|reservation|reservations|booking|bookings|boarding|your flight|check in now|check-in is open|"
    "e-ticket|eticket|your ticket|your tickets|boarding pass|booking confirmation|booking reference|booking number|"
    "reservation confirmation|confirmation of your reservation|your reservation|your booking|itinerary|"
    "flight confirmation|pnr|buchung|reservierung|bahnticket|online-ticket|ihr ticket|ihre tickets|bordkarte|"
    "buchungsbestätigung|buchungsnummer|reservierungsbestätigung|ihre buchung|deine buchung|ihre reservierung|"
    "fahrkarte|billet|billets|réservation|carte d'embarquement|votre billet|vos billets|votre réservation|"
    "confirmation de réservation|e-billet|reserva|billete|billetes|entradas|tarjeta de embarque|tu reserva|"
    "su reserva|confirmación de reserva|localizador|biglietto|biglietti|prenotazione|carta d'imbarco|"
    "la tua prenotazione|conferma di prenotazione|conferma prenotazione|cartão de embarque|sua reserva|boeking|"
    "reservering|instapkaart|boekingsbevestiging|je boeking|uw boeking|boardingkort|bokning|biljett|bestilling|"
    "bokningsbekräftelse|bilet|bilety|rezerwacja|rezerwacji|билет|билеты|бронь|karta pokładowa|"
    "potwierdzenie rezerwacji|электронный билет|посадочный талон|бронирование|搭乗券|予約確認|登机牌|機票|예약 확인|"
    "탑승권"
)
SECURITY_CODE = (
    "verification code|security code|confirmation code|login code|sign-in code|access code|one-time code|your code|"
    "your pin|pin code|sign-in link|login link|magic link|verify your|confirm your email|confirm your account|"
    "confirm your address|activate your account|activation code|one-time password|one time password|"
    "one time passcode|one-time passcode|passcode|authentication code|2fa|otp|your code is|reset your password|"
    "password reset|recovery code|bestätigungscode|sicherheitscode|verifizierungscode|anmeldecode|einmalpasswort|"
    "einmalcode|zugangscode|passwort zurücksetzen|ihr code lautet|tan-nummer|code de vérification|code de sécurité|"
    "code de confirmation|mot de passe à usage unique|réinitialiser votre mot de passe|código de verificación|"
    "código de seguridad|código de acceso|restablecer tu contraseña|restablecer su contraseña|codice di verifica|"
    "codice di sicurezza|código de verificação|código de segurança|redefinir sua senha|verificatiecode|"
    "beveiligingscode|verifieringskod|säkerhetskod|engangskode|kod weryfikacyjny|kod zabezpieczający|"
    "код подтверждения|проверочный код|код безопасности|認証コード|確認コード|验证码|驗證碼|인증번호|인증 코드"
)
DEADLINE = (
    "deadline|deadlines|asap|urgent|urgently|eod|end of day|close of business|due date|due by|due on|overdue|"
    "time-sensitive|as soon as possible|last day|final reminder|rsvp|frist|dringend|eilt|eilig|schnellstmöglich|"
    "so bald wie möglich|spätestens|fällig|stichtag|abgabetermin|date limite|délai|dernier délai|urgente|"
    "dès que possible|au plus tard|échéance|fecha límite|plazo|lo antes posible|a más tardar|scadenza|entro il|"
    "al più presto|prazo|o mais rápido possível|uiterlijk|spoed|zo snel mogelijk|senast|brådskande|snarest|frist for|"
    "pilne|termin do|jak najszybciej|срочно|срок до|крайний срок|как можно скорее|締切|締め切り|至急|期限|截止|紧急|"
    "緊急|마감|긴급"
)
WHEN = (
    "today|tonight|tomorrow|monday|tuesday|wednesday|thursday|friday|saturday|sunday|noon|heute|morgen|montag|"
    "dienstag|mittwoch|donnerstag|freitag|samstag|sonntag|aujourd'hui|demain|lundi|mardi|mercredi|jeudi|vendredi|"
    "samedi|dimanche|hoy|mañana|lunes|martes|miércoles|jueves|viernes|sábado|domingo|oggi|domani|lunedì|martedì|"
    "mercoledì|giovedì|venerdì|sabato|domenica|hoje|amanhã|segunda|terça|quarta|quinta|sexta|vandaag|maandag|dinsdag|"
    "woensdag|donderdag|vrijdag|zaterdag|zondag|idag|imorgon|måndag|tisdag|onsdag|torsdag|fredag|lördag|söndag|"
    "сегодня|завтра|понедельник|вторник|среды|четверг|пятницы|субботы|воскресенья"
)
"""Days that something may have to be done by."""
BY = (
    "by|until|before|till|no later than|due|bis|bis zum|bis spätestens|vor|avant|d'ici|jusqu'à|antes de|antes del|"
    "hasta|para el|entro|prima di|até|voor|tot|före|innan|до|не позднее"
)
"""What stands before such a day."""
ASKS = (
    "let me know|could you|can you|would you|please confirm|please advise|please reply|please respond|"
    "what do you think|your thoughts|get back to me|könntest du|könnten sie|kannst du|können sie|"
    "bitte um rückmeldung|bitte bestätigen|gib mir bescheid|geben sie mir bescheid|sag mir bescheid|würdest du|"
    "würden sie|pourrais-tu|pourriez-vous|peux-tu|pouvez-vous|merci de confirmer|qu'en penses-tu|qu'en pensez-vous|"
    "podrías|podría usted|puedes|me confirmas|qué te parece|potresti|potrebbe|fammi sapere|mi faccia sapere|"
    "você pode|poderia|me avise|kun je|kunt u|laat me weten|laat even weten|kan du|czy możesz|daj znać|можешь|"
    "могли бы|дайте знать|教えてください|いかがでしょうか|请告知|能否|알려주세요"
)
"""A question without its mark."""
PROMOTION = (
    "sale|sales|discount|discounts|coupon|coupons|promo|promotion|deal|deals|clearance|cashback|bargain|limited time|"
    "shop now|buy now|free shipping|special offer|black friday|cyber monday|rabatt|rabatte|gutschein|gutscheine|"
    "angebot|angebote|schnäppchen|sonderangebot|ausverkauf|gratisversand|soldes|promotions|réduction|remise|bon plan|"
    "livraison gratuite|code promo|descuento|descuentos|oferta|ofertas|rebajas|cupón|envío gratis|sconto|sconti|"
    "offerta|offerte|saldi|spedizione gratuita|desconto|descontos|promoção|cupom|frete grátis|korting|aanbieding|"
    "aanbiedingen|uitverkoop|rabat|erbjudande|tilbud|zniżka|promocja|wyprzedaż|скидка|скидки|распродажа|акция|セール|"
    "割引|クーポン|优惠|折扣|促销|할인|쿠폰"
)
NOTIFICATION = (
    "notification|notifications|alert|alerts|reminder|commented on|mentioned you|replied to your|followed you|"
    "connection request|new follower|sign-in attempt|new sign-in|new login|build failed|build passed|pull request|"
    "status update|has been updated|assigned to you|shared with you|digest|benachrichtigung|benachrichtigungen|"
    "erinnerung|hinweis|kommentiert|rappel|a commenté|notificación|notificaciones|recordatorio|ha comentado|notifica|"
    "promemoria|notificação|lembrete|melding|herinnering|avisering|påminnelse|powiadomienie|уведомление|напоминание|"
    "お知らせ|通知|提醒|알림"
)
