"""Compression: what goes in comes out, in this process and in the next, with a dictionary and without."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailsync.errors import StoreError
from mailsync.store import contents
from mailsync.store.codec import HEAD, SAMPLES, Codec, Packed
from mailsync.store.database import Store


def mail(number: int) -> bytes:
    """Messages as alike and as different as those of a mailing list."""
    words = random.Random(number)
    text = " ".join(
        words.choice(["patch", "review", "kernel", "serial", "thanks", "regards", "see"]) for _ in range(90)
    )
    return b"From: a%d@example.org\r\nList-Id: <dev.example.org>\r\nSubject: Re: %d\r\n\r\n%s\r\n" % (
        number % 17,
        number,
        text.encode(),
    )


def keep(store: Store, packed: Packed) -> None:
    store.write(lambda connection: contents.add(connection, packed)).result()
    if packed.dictionary:
        store.codec.saved()


def all_of(store: Store) -> set[bytes]:
    with store.read() as connection:
        ids = [row[0] for row in connection.execute("SELECT id FROM contents")]
        return {contents.load(connection, content_id) or b"" for content_id in ids}


def all_heads(connection: sqlite3.Connection) -> list[tuple[int, bytes | None]]:
    page = contents.frames_after(connection, 0, 100)
    found = contents.heads(connection, page)
    while page:
        page = contents.frames_after(connection, page[-1][0], 100)
        found += contents.heads(connection, page)
    return found


@settings(max_examples=50, deadline=None)
@given(bodies=st.lists(st.binary(max_size=3000), max_size=8))
def test_bytes_are_sacred(tmp_path_factory: pytest.TempPathFactory, bodies: list[bytes]) -> None:
    store = Store.open(tmp_path_factory.mktemp("codec"))
    packed = store.codec.pack(bodies)
    assert packed.sizes == [len(body) for body in bodies]
    keep(store, packed)
    assert all_of(store) == set(bodies)
    store.close()


def test_empty_tiny_and_huge_messages(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    noise = random.Random(1).randbytes(12 << 20)
    bodies = [b"", b"\0", b"\r\n", noise, b"A" * (30 << 20)]
    keep(store, store.codec.pack(bodies))
    keep(store, store.codec.pack([b""]))
    keep(store, store.codec.pack([noise[:5]]))
    assert all_of(store) == {*bodies, noise[:5]}
    with store.read() as connection:
        heads = [head for _, head in all_heads(connection)]
    assert {head for head in heads if head and len(head) < 1000} == {b"\0", b"\r\n", noise[:5]}
    long = [head for head in heads if head and len(head) >= 1000]
    assert [len(head) > HEAD * 0.9 for head in long] == [True, True]
    assert noise.startswith(long[0])
    assert long[1] == b"A" * HEAD
    store.close()


def test_a_dictionary_is_learned_once_and_pays(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    for start in range(0, 3 * SAMPLES, 100):
        keep(store, store.codec.pack([mail(number) for number in range(start, start + 100)]))
    assert all_of(store) == {mail(number) for number in range(3 * SAMPLES)}
    with store.read() as connection:
        assert connection.execute("SELECT count(*) FROM dictionaries").fetchone()[0] == 1
        sizes = [row[0] for row in connection.execute("SELECT length(body) FROM contents ORDER BY id")]
    before, after = sum(sizes[: SAMPLES - 100]) / (SAMPLES - 100), sum(sizes[SAMPLES:]) / (2 * SAMPLES)
    assert after < 0.8 * before
    store.close()


def test_the_next_process_reads_and_goes_on_with_the_dictionary(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    keep(store, store.codec.pack([mail(number) for number in range(SAMPLES)]))
    keep(store, store.codec.pack([mail(5000), mail(5001)]))
    store.close()
    code = (
        "import sys; from pathlib import Path\n"
        "from tests.store.test_codec import *\n"
        "store = Store.open(Path(sys.argv[1]))\n"
        "assert all_of(store) == {mail(n) for n in [*range(SAMPLES), 5000, 5001]}\n"
        "packed = store.codec.pack([mail(6000), mail(6001)])\n"
        "assert packed.dictionary is None\n"
        "keep(store, packed); store.close()"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, cwd=Path(__file__).parents[2])
    store = Store.open(tmp_path)
    assert {mail(6000), mail(6001)} < all_of(store)
    with store.read() as connection:
        assert connection.execute("SELECT count(*) FROM dictionaries").fetchone()[0] == 1
    store.close()


def test_a_dictionary_whose_commit_failed_comes_with_the_next_batch(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    lost = store.codec.pack([mail(number) for number in range(SAMPLES)])
    assert lost.dictionary is not None
    packed = store.codec.pack([mail(1), mail(2)])
    assert packed.dictionary == lost.dictionary
    keep(store, packed)
    assert store.codec.pack([mail(3), mail(4)]).dictionary is None
    assert all_of(store) == {mail(1), mail(2)}
    store.close()


def test_mail_too_uniform_to_learn_from(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    for _ in range(3):
        keep(store, store.codec.pack([b"x" * 10] * SAMPLES))
    assert all_of(store) == {b"x" * 10}
    store.close()


def test_a_damaged_frame_is_one_error(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    keep(store, Codec(None).pack([mail(1)]))
    keep(store, Codec(None).pack([mail(2)]))
    store.write(lambda c: c.execute("UPDATE contents SET body = substr(body, 1, 40) WHERE id = 1")).result()
    with store.read() as connection:
        with pytest.raises(StoreError, match="damaged"):
            contents.load(connection, 1)
        assert all_heads(connection) == [(1, None), (2, mail(2))]
        assert contents.load(connection, 3) is None
    store.close()
