"""The IMAP client: the pure wire parser, mailbox names, UID sets, and the protocol and session built on them.
No SQL, no screen, no configuration file; the parser modules touch neither socket nor clock nor log.
Imported by sync/ and engine/ only; inside, wire.py and what it stands on import nothing of the session.
"""
