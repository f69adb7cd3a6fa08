"""The headless face: the engine with schedules and push. SIGTERM and SIGINT end it, SIGHUP re-reads config.

No terminal interface and nothing that imports one; no SQL, no IMAP.
The command line imports it.
"""
