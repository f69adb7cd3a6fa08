"""An HTTPS server on 127.0.0.1, in a thread of its own: it keeps what it was asked and answers by the path."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from tests.servers import certificates


class HttpsServer:
    """A context manager. `folder` gets its certificate and that of the authority, `ca.pem`.

    `said` are whole answers by path, "" for none; with the path "/never" it waits until the client has gone.
    """

    def __init__(self, folder: Path, said: Mapping[str, bytes]) -> None:
        certificates.make(folder)
        self.asked: list[bytes] = []
        self.port = 0
        self._said = said
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(folder / "server.pem", folder / "server.key")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._listening: asyncio.Server | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()
        return self

    def __exit__(self, *exception: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _listen(self) -> None:
        self._listening = await asyncio.start_server(self._answer, "127.0.0.1", 0, ssl=self._context)
        self.port = self._listening.sockets[0].getsockname()[1]

    async def _end(self) -> None:
        assert self._listening is not None
        self._listening.close()
        answering = asyncio.all_tasks() - {asyncio.current_task()}
        for task in answering:
            task.cancel()
        await asyncio.gather(*answering, return_exceptions=True)

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split()[0])
        self.asked.append(head + await reader.readexactly(length))
        path = head.split()[1].decode("ascii").partition("?")[0]
        if path == "/never":
            await reader.read()
        writer.write(self._said.get(path, b""))
        writer.close()
