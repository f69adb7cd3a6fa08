"""The verbs that change a mailbox, a file a verb: there are no others.

No consent is asked for here: `sync.putting` (restores) and `cleanup.acting` (clean-ups, undo) alone may import this,
and ask before each step. Of its own accord every verb refuses under `--read-only`, and none takes away more than the
UIDs it is given. May import `imap` and what is below.
"""
