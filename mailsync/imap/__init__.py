"""The IMAP client: the pure wire parser, mailbox names and UID sets; a line with the protocol on it, the rooms of
commands (sign-in, folders, searching, fetching, NOTIFY, COMPRESS), the session that has them all; quirks as data.
No SQL, no screen, no configuration file; the parser modules touch neither socket nor clock nor log.
Imported by sync/ and engine/ only; inside, wire.py and what it stands on import nothing of the session.
"""
