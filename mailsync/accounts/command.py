"""Programs that print a secret: run without a shell, without a terminal, and not for ever."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading

from mailsync.errors import CredentialMissing, Interrupted
from mailsync.privacy import environment
from mailsync.text import safe_text

SECONDS = 30.0
"""Long enough to touch a hardware key, short enough to notice a prompt nobody sees."""

_running: set[subprocess.Popen[bytes]] = set()
_lock = threading.Lock()


def first_line(name: str, key: str, command: list[str], *, quiet: bool = False) -> str:
    """The first line that `command` prints: the secret that the account `name` has under `key` in config.toml.

    It runs in a session of its own, so that at the time-out everything it started ends with it; nothing it prints is
    kept in an error. `quiet` keeps its stderr off a screen that a dashboard owns. Raises CredentialMissing, and
    Interrupted after `stop_all`.
    """
    program = f"{name}: {key} {safe_text(command[0], 80)}"
    hint = f"try it in a terminal; its first line of output is what counts ([accounts.{name}] {key})"
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if quiet else None,
            env=environment.for_children(),
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "cannot be run"
        raise CredentialMissing(f"{program}: {reason}", hint=hint) from None
    with _lock:
        _running.add(process)
    try:
        with process:
            try:
                output, _ = process.communicate(timeout=SECONDS)
            except BaseException:
                _kill(process)
                raise
    except subprocess.TimeoutExpired:
        # Without the cause: it holds what the command printed so far.
        raise CredentialMissing(f"{program} did not end within {SECONDS:g} s", hint=hint) from None
    finally:
        with _lock:
            stopped = process not in _running
            _running.discard(process)
    if stopped:
        raise Interrupted(f"{program} was stopped")
    if process.returncode != 0:
        code = process.returncode
        how = f"exited with {code}" if code > 0 else f"was killed by signal {-code}"
        raise CredentialMissing(f"{program} {how}", hint=hint)
    try:
        line = output.partition(b"\n")[0].rstrip(b"\r").decode("utf-8")
    except UnicodeDecodeError:
        raise CredentialMissing(f"{program} printed no UTF-8", hint=hint) from None
    if not line:
        raise CredentialMissing(f"{program} printed nothing", hint=hint)
    return line


def stop_all() -> None:
    """End the programs that still run: who waits for them is about to end."""
    with _lock:
        for process in _running:
            _kill(process)
        _running.clear()


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the whole process group; it is there as long as nobody waited for its leader."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
