from __future__ import annotations

import base64
import binascii
import quopri

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailsync.pipeline import transfer
from mailsync.pipeline.transfer import undone, undone_pieces

SIGNS = st.lists(st.sampled_from([b"A", b"QUJD", b"=", b"==", b"\r\n", b"\n", b"\r", b"=\r", b"=4", b"1", b" ", b"*"]))


@pytest.mark.parametrize("encoding", ["base64", "quoted-printable", "8bit"])
def test_in_pieces_as_in_one(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "PIECE", 4)

    @given(SIGNS, st.integers(1, 7))
    def same(signs: list[bytes], size: int) -> None:
        data = b"".join(signs)
        pieces = [data[at : at + size] for at in range(0, len(data), size)]
        assert b"".join(undone_pieces(pieces, encoding)) == undone(data, encoding)

    same()


def test_what_follows_the_padding_is_no_content() -> None:
    assert undone(b"QQ==\r\nQUJD", "base64") == b"A"
    assert b"".join(undone_pieces([b"QQ=", b"=", b"QUJD", b"QUJD"], "base64")) == b"A"


def test_a_line_without_end_is_not_held() -> None:
    pieces = [b"=41" * (transfer.PIECE // 3)] * 3
    told = [len(piece) for piece in undone_pieces(pieces, "quoted-printable")]
    assert len(told) > 1
    assert sum(told) == transfer.PIECE // 3 * 3
    data = bytes(range(256)) * 20
    assert undone(quopri.encodestring(data), "quoted-printable") == data
    assert undone(base64.encodebytes(data), "base64") == data
    assert undone(binascii.b2a_base64(data)[:-3], "base64") == data[:-1]
