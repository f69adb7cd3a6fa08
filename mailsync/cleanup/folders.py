"""The folders that messages of a clean-up go to: found by special use or name; one that is named is made if missing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import field

from mailsync.cleanup.acting import create, subscribe
from mailsync.config.actions import Action
from mailsync.errors import CommandRefused, MailsyncError
from mailsync.imap import namespace
from mailsync.imap.names import decode_name, encode_name
from mailsync.imap.session import Session
from mailsync.record import record
from mailsync.store.cleanup_runs import Target
from mailsync.store.restores import Source
from mailsync.sync import placing
from mailsync.sync.placing import Existing, parents, place, shared_prefix
from mailsync.sync.specialuse import special_uses

_USES = {"archive": "\\Archive", "trash": "\\Trash"}


@record
class Folders:
    """The folders of a server as one connection sees them. `allowed` is asked, and `made` told, when one is made."""

    session: Session
    allowed: Callable[[], Awaitable[None]]
    made: Callable[[], Awaitable[None]]
    targets: dict[bytes, Target] = field(default_factory=dict, init=False)
    """What folders were before anything was put there, and the UIDs from which on that is, by raw name."""
    _known: placing.Target | None = field(default=None, init=False)

    async def of(self, actions: Iterable[Action]) -> dict[str, bytes]:
        """Raw names by the action as it is written; a folder for a special use that nobody has is missing."""
        found: dict[str, bytes] = {}
        known = await self._look()
        for action in actions:
            if use := _USES.get(action.verb):
                found |= {str(action): one.raw_name for one in known.folders if one.special_use == use}
            elif action.verb in ("label", "move"):
                wish = action.name if action.verb == "move" else ""
                name, raw_name = place(Source("", action.name, "/", "", "", wish), known, same=False)
                found[str(action)] = raw_name if raw_name is not None else encode_name(name)
        return found

    async def special_use(self, raw_name: bytes) -> str:
        known = await self._look()
        return next((one.special_use for one in known.folders if one.raw_name == raw_name), "")

    async def aim(self, raw_names: Iterable[bytes]) -> None:
        """Have these in `targets`; what is not there is made."""
        for name in raw_names:
            if name in self.targets:
                continue
            status = await self.session.status(name)
            if not status:
                await self.make(name)
                status = await self.session.status(name)
            if not status:
                raise MailsyncError("the server tells nothing of a folder that was just made", scope="folder")
            self.targets[name] = Target(name, status.get("UIDVALIDITY"), status.get("UIDNEXT"))

    async def make(self, raw_name: bytes) -> None:
        """Make a folder, and those above it where the server does not do so by itself."""
        await self.allowed()
        known, name = await self._look(), decode_name(raw_name)
        try:
            made = await create(self.session, raw_name)
        except CommandRefused:
            above = [one for one in parents(name, known.delimiter) if one.upper() != placing.INBOX]
            missing = [one for one in above if all(one != folder.name for folder in known.folders)]
            if not missing:
                raise
            for one in missing:
                await create(self.session, encode_name(one))
            made = await create(self.session, raw_name)
        if made:
            await subscribe(self.session, raw_name)
            await self.made()

    async def _look(self) -> placing.Target:
        if self._known is None:
            session = self.session
            listed = await session.list_folders(status=False)
            uses = special_uses(listed, {}, told="SPECIAL-USE" in session.capabilities)
            own = await namespace.personal(session)
            names = [one.entry.name for one in listed]
            delimiter = next((one.entry.delimiter for one in listed if one.entry.delimiter), own[1] if own else None)
            prefix = decode_name(own[0]) if own is not None else shared_prefix(names, delimiter)
            existing = [Existing(one.entry.name, one.entry.raw_name, uses[one.entry.name]) for one in listed]
            self._known = placing.Target(existing, delimiter, prefix)
        return self._known
