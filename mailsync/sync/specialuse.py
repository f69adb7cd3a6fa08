"""What a folder is for: its special use (RFC 6154), or what its name says where the server tells none. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence

from mailsync.imap.session import Listed

SPECIAL_USES = ("\\All", "\\Archive", "\\Drafts", "\\Flagged", "\\Junk", "\\Sent", "\\Trash", "\\Important")
_NAMES = {
    "\\Sent": (
        "sent", "sent items", "sent mail", "sent messages", "gesendet", "gesendete objekte", "gesendete elemente",
        "éléments envoyés", "messages envoyés", "envoyés", "enviados", "elementos enviados", "itens enviados",
        "posta inviata", "inviati", "verzonden items", "verzonden", "skickat", "skickade objekt", "sendt",
        "sendte elementer", "lähetetyt", "elementy wysłane", "wysłane", "odeslaná pošta", "odeslané",
        "отправленные", "надіслані", "gönderilmiş öğeler", "送信済みアイテム", "送信済み", "已发送", "已发送邮件",
        "寄件備份", "보낸 편지함",
    ),
    "\\Drafts": (
        "drafts", "draft", "entwürfe", "brouillons", "borradores", "rascunhos", "bozze", "concepten", "utkast",
        "kladder", "luonnokset", "wersje robocze", "szkice", "koncepty", "черновики", "чернетки", "taslaklar",
        "下書き", "草稿", "草稿箱", "임시 보관함",
    ),
    "\\Trash": (
        "trash", "deleted items", "deleted messages", "deleted", "bin", "gelöschte elemente", "gelöschte objekte",
        "papierkorb", "éléments supprimés", "corbeille", "elementos eliminados", "papelera", "itens excluídos",
        "lixeira", "lixo", "posta eliminata", "cestino", "verwijderde items", "prullenbak", "borttaget",
        "papperskorgen", "slettet post", "papirkurv", "roskakori", "elementy usunięte", "kosz", "odstraněná pošta",
        "koš", "удаленные", "удалённые", "корзина", "кошик", "silinmiş öğeler", "çöp kutusu", "削除済みアイテム",
        "ゴミ箱", "已删除", "已删除邮件", "垃圾桶", "지운 편지함", "휴지통",
    ),
    "\\Junk": (
        "junk", "junk email", "junk e-mail", "junk mail", "spam", "bulk", "bulk mail", "junk-e-mail",
        "spamverdacht", "unerwünscht", "courrier indésirable", "indésirables", "pourriel", "correo no deseado",
        "lixo eletrônico", "posta indesiderata", "ongewenste e-mail", "skräppost", "uønsket e-mail", "søppelpost",
        "roskaposti", "wiadomości-śmieci", "nevyžádaná pošta", "нежелательная почта", "спам", "gereksiz e-posta",
        "迷惑メール", "垃圾邮件", "垃圾郵件", "정크 메일", "스팸",
    ),
    "\\Archive": (
        "archive", "archives", "archiv", "archivo", "arquivo", "arquivo morto", "archivio", "archief", "arkiv",
        "arkisto", "archiwum", "архив", "архів", "arşiv", "アーカイブ", "存档", "归档", "封存", "보관함",
    ),
}  # fmt: skip
"""Names in lower case, as the usual clients and servers give them."""
_BY_NAME = {unicodedata.normalize("NFC", name): use for use, names in _NAMES.items() for name in names}


def special_uses(listed: Sequence[Listed], stored: Mapping[str, str], *, told: bool) -> dict[str, str]:
    """The special use of every listed folder by its name, "" for none.

    What the server says holds; a use that it names for no folder stays where it was (`stored`, by name), since a LIST
    may leave it out once. Where the server does not tell uses (`told` is False) names decide: of the top level or
    directly below INBOX, one folder a use.
    """
    uses = {item.entry.name: next((use for use in SPECIAL_USES if use in item.entry.attributes), "") for item in listed}
    claimed = {use for use in uses.values() if use}
    for name in uses:
        if not uses[name] and stored.get(name, "") not in claimed:
            uses[name] = stored.get(name, "")
    claimed |= set(uses.values())
    if not told:
        for item in sorted(listed, key=lambda one: one.entry.name.count(one.entry.delimiter or "\0")):
            name, use = item.entry.name, _BY_NAME.get(_own_name(item), "")
            if use and use not in claimed and not uses[name]:
                claimed.add(use)
                uses[name] = use
    return uses


def _own_name(item: Listed) -> str:
    """The last part of the name in lower case, "" for a folder that is too deep to be the account's own."""
    delimiter = item.entry.delimiter
    parts = item.entry.name.split(delimiter) if delimiter else [item.entry.name]
    if len(parts) > 2 or (len(parts) == 2 and parts[0].upper() != "INBOX"):
        return ""
    return unicodedata.normalize("NFC", parts[-1]).lower()
