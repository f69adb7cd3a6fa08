"""The dashboard in the terminal: screens and widgets of Textual over readings of the store.

No engine, IMAP, configuration, secrets or SQL here; a wish of the person becomes a job row.
Only the command line imports it, and only when a dashboard is opened.
"""
