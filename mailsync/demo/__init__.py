"""Something to try mailsync on: sample mail, and an IMAP server in a process of its own that keeps receiving more.

Here: the letters (data), their composition, the server. No engine, no screen: the command line puts those together.
Imported by `cli` only, inside the command that needs it; pymap is loaded in the server's process only.
"""
