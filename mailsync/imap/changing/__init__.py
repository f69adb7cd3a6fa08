"""The verbs that change a mailbox, a file a verb: there are no others, and nothing is ever taken away.

No consent is asked for here: `sync.putting` alone may import this, and asks before each step. Of its own accord every
verb refuses under `--read-only`. May import `imap` and what is below.
"""
