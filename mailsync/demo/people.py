"""Who writes to whom in the sample mail. All of them are invented; all addresses are in reserved domains (RFC 2606)."""

from __future__ import annotations

from dataclasses import dataclass
from email.headerregistry import Address


@dataclass(frozen=True, slots=True)
class Person:
    """A correspondent; `zone` is the UTC offset of their Date header in hours."""

    name: str
    email: str
    zone: float = 1.0
    signature: str = ""

    @property
    def address(self) -> Address:
        return Address(self.name, addr_spec=self.email)


ME = {
    "personal": Person("Mara Lind", "mara.lind@example.org"),
    "work": Person("Mara Lind", "m.lind@nordkai.example.com", signature="Mara Lind\nNordkai Ingenieure, Harbour works"),
    "studio": Person("Studio Halbmond", "hallo@halbmond.example.net", signature="Studio Halbmond · Keramik\nMara Lind"),
}
"""The owner of the three mailboxes, by account."""

PEOPLE = {
    # family and friends
    "jonas": Person("Jonas Lind", "jonas.lind@example.net", 1.0),
    "oma": Person("Hedwig Lind", "hedwig.lind@example.org", 1.0, "Deine Oma"),
    "anders": Person("Anders Öberg", "anders.oberg@example.org", 1.0, "/Anders"),
    "yuki": Person("森 由紀", "yuki.mori@example.net", 9.0, "森 由紀\nMori Yuki, Kyoto"),
    "claire": Person("Claire Béranger", "claire.beranger@example.org", 1.0, "Bises,\nClaire"),
    "tomasz": Person("Tomasz Wójcik", "tomasz.wojcik@example.net", 1.0),
    "leila": Person("ليلى حدّاد", "leila.haddad@example.org", 2.0),
    "oleh": Person("Олег Кравченко", "oleh.kravchenko@example.net", 2.0),
    "vermieter": Person("Hausverwaltung Krüger", "verwaltung@krueger.example.com", 1.0, "Hausverwaltung Krüger GmbH"),
    "arzt": Person("Praxis Dr. Sommer", "termine@praxis-sommer.example.com", 1.0),
    "ryokan": Person("白雲荘", "yoyaku@hakuunso.example.com", 9.0, "白雲荘 予約係"),
    "library": Person("Bücherhalle Altona", "ausleihe@buecherhalle.example.org", 1.0),
    "prizes": Person("Harbour Lottery Desk", "claims@boats-for-you.example.net", 5.5),
    # work
    "priya": Person("Priya Raman", "p.raman@nordkai.example.com", 1.0, "Priya Raman\nStructures"),
    "stefan": Person("Stefan Böhm", "s.boehm@nordkai.example.com", 1.0, "Stefan Böhm\nBauleitung"),
    "ines": Person("Inês Carvalho", "i.carvalho@nordkai.example.com", 0.0, "Inês Carvalho\nHydrology"),
    "dmitri": Person("Dmitri Halvorsen", "d.halvorsen@nordkai.example.com", 1.0, "Dmitri\nData & instruments"),
    "office": Person("Nordkai Office", "office@nordkai.example.com", 1.0),
    "port": Person("Hafenbehörde Nord", "genehmigungen@hafen-nord.example.org", 1.0, "Hafenbehörde Nord, Referat 4"),
    "marchetti": Person(
        "Giulia Marchetti", "g.marchetti@idrosonda.example.com", 1.0, "Giulia Marchetti\nIdrosonda S.r.l."
    ),
    "okafor": Person("Chidi Okafor", "chidi.okafor@lamplight.example.org", 0.0, "Chidi Okafor\nLamplight Trust"),
    "divers": Person("Taucherei Petersen", "einsatz@taucher-petersen.example.com", 1.0, "Kai Petersen"),
    "survey": Person("Elena Παπαδοπούλου", "elena.p@bathymetry.example.net", 2.0, "Έλενα Παπαδοπούλου"),
    # the pottery
    "garcia": Person("Hermanos García · Arcillas", "pedidos@arcillas-garcia.example.com", 1.0, "Lucía García"),
    "cafe": Person("Café Morgenrot", "bestellung@morgenrot.example.com", 1.0, "Nele & Tarik\nCafé Morgenrot"),
    "gallery": Person("Galerie Été", "contact@galerie-ete.example.org", 1.0, "Mathilde Roux\nGalerie Été, Arles"),
    "kiln": Person("Ofenbau Reuter", "service@ofenbau-reuter.example.com", 1.0, "W. Reuter"),
    "hana": Person("Hana Dvořáková", "hana.dvorakova@example.net", 1.0),
    "sam": Person("Sam Whitlock", "sam.whitlock@example.org", 0.0),
    "noor": Person("Noor van Dijk", "noor.vandijk@example.net", 1.0),
    "emre": Person("Emre Şahin", "emre.sahin@example.org", 3.0),
    "magazine": Person("Redaktion Werkform", "redaktion@werkform.example.com", 1.0, "Redaktion Werkform"),
    "tax": Person("Steuerbüro Albers", "kanzlei@stb-albers.example.com", 1.0, "Birte Albers, Steuerberaterin"),
}
"""Everybody else, by the key the letters use."""
