"""The command line: one module per group of commands; parses, asks, renders, and ends with the contract's exit codes.

No SQL, no IMAP, no secrets: it reads through the store's functions and asks the engine by inserting jobs.
Nothing imports it but the entry point.
"""

from __future__ import annotations

import sys


def main() -> None:
    """The entry point of `mailsync`; ends the process."""
    from mailsync.cli.main import run

    sys.exit(run(sys.argv[1:]))
