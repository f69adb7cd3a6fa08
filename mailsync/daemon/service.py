"""Runs the engine until a signal says otherwise."""

from __future__ import annotations

import queue
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from mailsync.config.models import Config
from mailsync.engine.engine import Engine
from mailsync.errors import MailsyncError
from mailsync.privacy.log import get_logger
from mailsync.store.database import Store

log = get_logger("daemon")


def serve(read_config: Callable[[], Config], store: Store, data_dir: Path, *, ready: Callable[[], None]) -> None:
    """Run until SIGTERM or SIGINT; what is in hand is finished first.

    `read_config` is called again on SIGHUP, and for a job of kind "reload"; a configuration that is wrong then changes
    nothing.
    `ready()` is called once the engine serves. Raises OwnedElsewhere when another engine owns `data_dir`.
    """
    signals: queue.SimpleQueue[int] = queue.SimpleQueue()

    def note(number: int, frame: FrameType | None) -> None:
        del frame
        signals.put(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    # What a password command says on stderr would end in the journal of a service.
    engine = Engine(read_config(), store, data_dir, quiet=not sys.stderr.isatty(), read_config=read_config)
    try:
        engine.start()
        ready()
        while True:
            # A time-out lets the interpreter run the handlers, and an engine that died be noticed.
            try:
                number = signals.get(timeout=0.5)
            except queue.Empty:
                if not engine.running:
                    raise engine.failure from None
                continue
            if number != signal.SIGHUP:
                return
            try:
                engine.reload()
            except MailsyncError as error:
                log.error("config_not_reloaded", exc_info=error)
    finally:
        engine.stop()
        for number, handler in before.items():
            signal.signal(number, handler)
