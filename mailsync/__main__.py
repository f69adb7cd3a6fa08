"""`python -m mailsync`: the command line."""

from mailsync.cli import main

main()
