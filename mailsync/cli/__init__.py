"""The command line: parse, ask the store or the engine, print. One module a group of commands.

No SQL, no IMAP, no secrets; nobody imports it. Importing it loads nothing but the argument parser: a command loads
what it needs when it runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and end the process with its exit code."""
    import os
    import sys

    # Looking for pydantic plugins reads the metadata of every installed distribution: a tenth of the start-up.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from mailsync.cli.run import run
    from mailsync.privacy.hardening import harden

    harden()
    sys.exit(run(arguments))
