"""The command line: parse, ask the store or the engine, print. One module a group of commands.

No SQL, no IMAP, no secrets; nobody imports it. Importing it loads next to nothing: a command loads what it needs when
it runs, a plain `mailsync sync` not even the argument parser (`shortcut`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and end the process with its exit code.

    The process ends at once: by then the store is closed, so all that was reported is committed, the engine's thread
    has ended and the output is flushed. To take the interpreter apart, object by object, would only cost time, and so
    does looking for garbage among what was just loaded: the collector waits for more than a handful of new objects.
    """
    import gc
    import os

    gc.set_threshold(20_000, 10, 10)
    # Looking for pydantic plugins reads the metadata of every installed distribution: a tenth of the start-up.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from mailsync.cli.run import run
    from mailsync.privacy import mishaps
    from mailsync.privacy.hardening import harden

    harden()
    mishaps.watch()
    os._exit(run(arguments))
