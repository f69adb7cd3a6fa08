"""The disk: one SQLite file. All SQL of the program is written here, one module a table, plus readings for the screens.

Nothing here knows IMAP, configuration or a screen; functions take a connection and plain values.
Sync, pipeline, jobs, the engine and the front ends may import it.
"""
