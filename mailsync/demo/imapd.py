"""The demo's mail server, run in a process of its own: pymap in memory on loopback, filled, and receiving more.

It is told what to do by one line of JSON on standard input, answers `{"port": N}` (or `{"error": "..."}`) on standard
output once everything can be fetched, and ends when standard input does, that is when whoever started it ends in
whatever way. Passwords come through that line: not through arguments or files, which others could read.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from argparse import Namespace
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from random import Random
from typing import Any

from proxyprotocol.reader import ProxyProtocolReader
from pymap.backend.dict import Config, Login
from pymap.backend.dict.filter import FilterSet
from pymap.backend.dict.mailbox import MailboxSet
from pymap.imap import IMAPServer
from pymap.listtree import ListEntry, ListTree
from pymap.parsing.message import AppendMessage
from pymap.parsing.specials.flag import Flag
from pymap.user import Passwords, UserMetadata
from pysasl.hashing import BuiltinHash

from mailsync.demo.arrivals import arrivals, arrive
from mailsync.demo.mail import SPECIAL_USE, SampleAccount, SampleMessage, sample_mail

HOST = "127.0.0.1"
LINE_LIMIT = 1 << 20
"""Bytes of a command line; asyncio's own limit of 64 kB is less than a long UID set needs."""


class UsedEntry(ListEntry):
    """A LIST entry that tells its special use (RFC 6154), which pymap does not know."""

    @property
    def attributes(self) -> Sequence[bytes]:
        use = SPECIAL_USE.get(self.name, "").removeprefix("\\").encode()
        return [*super().attributes, use] if use else super().attributes


class UsedTree(ListTree):
    def list(self) -> Iterable[ListEntry]:
        for entry in super().list():
            yield UsedEntry(entry.name, entry.exists, entry.marked, entry.has_children)


class Mailboxes(MailboxSet):
    """One account's folders."""

    async def list_mailboxes(self) -> ListTree:
        names = [entry.name for entry in (await super().list_mailboxes()).list() if entry.exists]
        return UsedTree(self.delimiter).update(*names)

    async def deliver(self, message: SampleMessage) -> None:
        """Put a message into its folder; whoever idles on it is told at once."""
        mailbox = await self.get_mailbox(message.folder)
        flags = frozenset(Flag(flag.encode()) for flag in message.flags)
        await mailbox.append(AppendMessage(message.raw, message.when, flags))


async def serve(order: dict[str, Any]) -> None:
    """Serve until standard input ends. `order` holds `now` (ISO 8601), `seed`, `passwords` by user name, and
    `arrivals`: the shortest and longest time between two of them in seconds, or null for none."""
    os.environ.setdefault("FQDN", "localhost")  # the greeting would look the host's name up in the DNS
    config = Config.from_args(
        Namespace(
            host=HOST, port=0, debug=False, cert=None, key=None, tls=False, passlib_cfg=None, proxy_protocol=None,
            demo_data=False, demo_user="", demo_password="",
        ),
        reject_dnsbl=False,
        invalid_user_sleep=0.1,
        # The passwords are random and live as long as this process: they need no slow hash.
        hash_context=BuiltinHash(rounds=1000),
    )  # fmt: skip
    config.apply_context()
    login = Login(config)
    accounts = sample_mail(datetime.fromisoformat(order["now"]), order["seed"])
    boxes = {account.name: await _fill(config, account) for account in accounts}
    hashing = Passwords(config)
    for account in accounts:
        user = account.owner.email
        hashed = await hashing.hash_password(order["passwords"][user])
        login.users_dict[user] = UserMetadata(config, user, password=hashed)
        config.set_cache[user] = (boxes[account.name], FilterSet())

    callback = ProxyProtocolReader(config.proxy_protocol).get_callback(IMAPServer(login, config))
    server = await asyncio.start_server(callback, HOST, 0, limit=LINE_LIMIT)
    async with server:
        print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
        living = asyncio.create_task(_live(accounts, boxes, order["arrivals"], order["seed"]))
        await _end_of_input()
        living.cancel()
        with suppress(asyncio.CancelledError):
            await living
    # Not a graceful end: sessions are asked nothing, since nothing they hold outlives this process.
    os._exit(0)


async def _fill(config: Config, account: SampleAccount) -> Mailboxes:
    boxes = Mailboxes()
    for folder in account.folders:
        if folder != "INBOX":
            await boxes.add_mailbox(folder)
        await boxes.set_subscribed(folder, True)
    for message in account.messages:
        await boxes.deliver(message)
    return boxes


async def _live(
    accounts: Sequence[SampleAccount], boxes: dict[str, Mailboxes], pace: Sequence[float] | None, seed: int
) -> None:
    if pace is None:
        return
    chance = Random(seed)
    for name, letter in arrivals(accounts):
        await asyncio.sleep(chance.uniform(*pace))
        await boxes[name].deliver(arrive(letter, datetime.now(UTC)))


async def _end_of_input() -> None:
    """Return when standard input ends. A thread waits for it: not every event loop can watch a pipe."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()

    def wait() -> None:
        while os.read(sys.stdin.fileno(), 1024):
            pass
        loop.call_soon_threadsafe(ended.set)

    threading.Thread(target=wait, daemon=True).start()
    await ended.wait()


def main() -> None:
    """The process."""
    line = bytearray()
    while not line.endswith(b"\n"):  # byte by byte: a buffered reader would hold on to what it read ahead
        line += os.read(sys.stdin.fileno(), 1) or b"\n"
    try:
        asyncio.run(serve(json.loads(line)))
    except Exception as error:
        print(json.dumps({"error": f"{type(error).__name__}: {error}"}), flush=True)
        raise
