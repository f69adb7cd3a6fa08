"""The machine that mailsync runs on, checked: clock, disk, files, TLS. No account, no secret."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import sqlite3
import ssl
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from mailsync import __version__
from mailsync.engine.health import DISK_FAILS, DISK_WARNS, Check, Status
from mailsync.store import schema
from mailsync.store.database import FILE_NAME
from mailsync.store.health import room
from mailsync.store.inspection import inspect
from mailsync.text import size, span

READ_SECONDS = 8.0
"""For reading the database through: some gigabytes."""
CLOCK_WARNS, CLOCK_FAILS = 60.0, 300.0
"""Seconds by which the clock may differ. TLS and tokens bear minutes, not more."""
NTP_SECONDS = 3.0
REMOTE = {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "fuse.sshfs", "fuse.rclone", "davfs", "fuse.davfs2"}
"""File systems on which SQLite's write-ahead log does not work (sqlite.org/wal.html: all processes on one host)."""
OURS = ("mailsync.*", "engine.lock", "audit.key", "config.checked", "secrets/*", "workers/*")
"""What mailsync puts into its data directory."""


def program() -> Iterator[Check]:
    """What runs, for whoever reads a report of a problem, and what is there beside it."""
    system = f"{platform.system()} {platform.release()}"
    detail = f"mailsync {__version__}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {system}"
    yield Check("program", "pass", detail)
    from importlib.util import find_spec

    extras = {"uvloop": "a faster event loop", "pymap": "mailsync demo", "keyring": "secrets in the keyring"}
    missing = [f"{name} ({use})" for name, use in extras.items() if find_spec(name) is None]
    if missing:
        yield Check("programs", "warn", f"not installed: {', '.join(missing)}", "install mailsync with its extras")
    else:
        yield Check("programs", "pass", f"installed: {', '.join(extras)}")


def cores() -> Iterator[Check]:
    """A core dump would hold passwords."""
    with contextlib.suppress(ImportError, OSError):
        import resource

        soft, _ = resource.getrlimit(resource.RLIMIT_CORE)
        if soft:
            yield Check("core_dumps", "warn", "a crash may leave one, with secrets in it", "ulimit -c 0")
        else:
            yield Check("core_dumps", "pass", "switched off")


def tls() -> Iterator[Check]:
    """OpenSSL, and the authorities that it believes."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    yield Check("tls", "pass", f"{ssl.OPENSSL_VERSION}, TLS 1.2 or newer only")
    paths = ssl.get_default_verify_paths()
    for variable in (paths.openssl_cafile_env, paths.openssl_capath_env):
        named = os.environ.get(variable)
        if named and not Path(named).exists():
            yield Check("authorities", "fail", f"{variable} names {named}, which is not there", f"unset {variable}")
            return
    known = context.cert_store_stats()["x509_ca"]
    # Those of a folder are loaded one by one, when a server shows a certificate: its files are what there is to count.
    folder = sum(1 for _ in Path(paths.capath).iterdir()) if paths.capath else 0
    where = paths.cafile or paths.capath or "the system"
    if known or folder:
        yield Check("authorities", "pass", f"{known or folder} in {where}")
    else:
        hint = "install the package ca-certificates, or name a bundle in SSL_CERT_FILE"
        yield Check("authorities", "fail", "none: no server's certificate can be verified", hint)


def files(data_dir: Path) -> Iterator[Check]:
    """Who else may read or write what is kept, and where that is."""
    if not data_dir.exists():
        above = next((one for one in data_dir.parents if one.exists()), Path("/"))
        if os.access(above, os.W_OK):
            yield Check("data_dir", "pass", f"{data_dir} will be made by the first sync")
        else:
            hint = "use another --data-dir, or make it yours"
            yield Check("data_dir", "fail", f"{data_dir} cannot be made in {above}", hint)
        return
    yield _folder(data_dir)
    yield from _open_files(data_dir)
    kind = _file_system(data_dir)
    if kind in REMOTE:
        hint = "use a --data-dir on a disk of this machine"
        yield Check("file_system", "fail", f"{data_dir} is on {kind}: SQLite's log does not work over a network", hint)
    elif kind:
        yield Check("file_system", "pass", kind)


def _folder(data_dir: Path) -> Check:
    status = data_dir.stat()
    mode = stat.S_IMODE(status.st_mode)
    if not os.access(data_dir, os.R_OK | os.W_OK | os.X_OK):
        return Check("data_dir", "fail", f"{data_dir} cannot be written", f"make it yours: chown $USER {data_dir}")
    if status.st_uid not in (os.geteuid(), 0):
        return Check("data_dir", "warn", f"{data_dir} belongs to another user", "keep mail in a folder of yours")
    if mode & stat.S_ISVTX:
        return Check("data_dir", "warn", f"{data_dir} is a folder for everyone", "give mail a --data-dir of its own")
    if mode & 0o022:
        return Check("data_dir", "fail", f"{data_dir} is writable by others ({mode:o})", f"chmod 700 {data_dir}")
    if mode & 0o077:
        return Check("data_dir", "warn", f"{data_dir} is open to others ({mode:o})", f"chmod 700 {data_dir}")
    return Check("data_dir", "pass", f"{data_dir} is yours alone")


def _open_files(data_dir: Path) -> Iterator[Check]:
    """Files of ours that others may read. What else is in the folder is none of ours."""
    ours = [path for pattern in OURS for path in data_dir.glob(pattern)]
    found = [path for path in ours if path.is_file() and path.stat().st_mode & 0o077]
    if found:
        names = ", ".join(str(path.relative_to(data_dir)) for path in found[:3]) + (" ..." if len(found) > 3 else "")
        hint = f"chmod -R go-rwx {data_dir}"
        yield Check("files", "fail", f"{len(found)} of {len(ours)} are open to others: {names}", hint)
    elif ours:
        yield Check("files", "pass", f"{len(ours)}, none of them open to others")


def _file_system(folder: Path) -> str:
    """The kind of file system that a folder is on, "" where that is not known."""
    try:
        mounts = Path("/proc/self/mounts").read_text("utf-8", "replace")
    except OSError:
        return ""
    best, kind = "", ""
    target = str(folder.resolve())
    for line in mounts.splitlines():
        _, place, found, *_ = line.split(" ")
        place = place.replace("\\040", " ").rstrip("/")
        if (target == place or target.startswith(place + "/")) and len(place) >= len(best):
            best, kind = place, found
    return kind


def disk(data_dir: Path) -> Iterator[Check]:
    """Room for the mirror."""
    above = next((one for one in (data_dir, *data_dir.parents) if one.exists()), data_dir)
    free = room(above)
    if free is None:
        return
    path = data_dir / FILE_NAME
    taken = f", the database takes {size(path.stat().st_size)}" if path.exists() else ""
    status: Status = "fail" if free < DISK_FAILS else "warn" if free < DISK_WARNS else "pass"
    hint = "" if status == "pass" else "make room, or keep the mirror elsewhere: --data-dir"
    yield Check("disk", status, f"{size(free)} free{taken}", hint)


def database(data_dir: Path, now: float, seconds: float = READ_SECONDS) -> Iterator[Check]:
    """Whether it can be read, through and through, and by this version; and what it says of the clock."""
    path = data_dir / FILE_NAME
    if not path.exists():
        return
    try:
        found = inspect(path, seconds)
    except sqlite3.Error as error:
        hint = "check the disk; keep a copy of it, then mirror into a new --data-dir"
        yield Check("database", "fail", f"it cannot be read: {error}", hint)
        return
    version = f"schema {found.schema_version} of {schema.VERSION}"
    if found.damage:
        hint = "keep a copy of it, then mirror into a new --data-dir"
        yield Check("database", "fail", f"the file is damaged: {found.damage}", hint)
    elif found.schema_version > schema.VERSION:
        yield Check("database", "fail", f"{version}: a newer mailsync wrote it", "install a newer mailsync")
    elif found.schema_version < schema.VERSION:
        yield Check("database", "warn", f"{version}: the next sync migrates it, after a backup")
    elif found.damage is None:
        yield Check("database", "warn", f"{version}, without a fault as far as {seconds:g} s sufficed to read")
    else:
        yield Check("database", "pass", f"{version}, read through without a fault")
    if found.newest is not None and found.newest > now + CLOCK_WARNS:
        behind = span(found.newest - now)
        yield Check("clock", "fail", f"{behind} behind what is on record in the database", _CLOCK_HINT)


_CLOCK_HINT = "set the clock: timedatectl set-ntp true"


def clock(data_dir: Path, now: float) -> Iterator[Check]:
    """The clock beside the file system and this program, and what systemd says of it."""
    program_made = Path(__file__).stat().st_mtime
    written = [path.stat().st_mtime for path in data_dir.glob("mailsync.*")] if data_dir.exists() else []
    newest = max([program_made, *written])
    if newest > now + CLOCK_WARNS:
        yield Check("clock", "fail", f"{span(newest - now)} behind the newest file of mailsync", _CLOCK_HINT)
        return
    told = _synchronized()
    if told is False:
        yield Check("clock", "warn", "the system does not set it by the network", _CLOCK_HINT)
    else:
        how = "set by the network" if told else "not behind any file of mailsync"
        yield Check("clock", "pass", how)


def _synchronized() -> bool | None:
    """Whether systemd says that the clock is set by NTP; None where it does not say."""
    if not sys.platform.startswith("linux") or not Path("/run/systemd/system").exists():
        return None
    if (timedatectl := shutil.which("timedatectl")) is None:
        return None
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        run = subprocess.run(
            [timedatectl, "show", "--property=NTPSynchronized", "--value"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=NTP_SECONDS,
            check=True,
        )
        return {b"yes": True, b"no": False}.get(run.stdout.strip())
    return None


def difference(date: str, now: float) -> float | None:
    """Seconds by which the clock is ahead of the Date of an HTTP answer (RFC 9110 section 6.6.1), if that is one."""
    from email.utils import parsedate_to_datetime

    try:
        return now - parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


def compared(host: str, ahead: float) -> Check:
    """The clock beside that of a provider; its answer took a second or so."""
    off = f"{span(abs(ahead))} {'ahead of' if ahead > 0 else 'behind'} {host}"
    if abs(ahead) > CLOCK_FAILS:
        return Check("clock", "fail", f"{off}: tokens and certificates will be refused", _CLOCK_HINT)
    if abs(ahead) > CLOCK_WARNS:
        return Check("clock", "warn", off, _CLOCK_HINT)
    return Check("clock", "pass", f"agrees with {host}")


def elapsed(start: float) -> str:
    """How long ago `start` (monotonic seconds) was, in milliseconds."""
    return f"{(time.monotonic() - start) * 1000:.0f} ms"
