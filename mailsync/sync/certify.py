"""After a folder's sync: what it now holds goes into its completeness certificate."""

from __future__ import annotations

from functools import partial

from mailsync.store import certificates
from mailsync.store.database import Store


async def certify(store: Store, folder_id: int, at: float) -> None:
    """Read the folder off the writer and store its certificate, dated `at` (Unix seconds)."""
    made = await store.aread(partial(certificates.draft, folder_id=folder_id))
    if made is not None:
        await store.awrite(lambda connection: certificates.put(connection, made, at))
