"""The panes of the dashboard, in the order of their keys."""

from __future__ import annotations

from typing import NamedTuple


class PaneEntry(NamedTuple):
    """The key and the mode of a pane, its name, what its key does, what is in it."""

    key: str
    mode: str
    name: str
    tooltip: str
    told: str


PANES = (
    PaneEntry("1", "dashboard", "Dashboard", "To the dashboard", "Accounts, progress, activity"),
    PaneEntry("2", "mail", "Mail", "To the mail", "Folders, messages, reading"),
    PaneEntry("3", "health", "Health", "To checks, servers, log", "Checks, connections, servers, the log"),
    PaneEntry("4", "quarantine", "Quarantine", "To what failed", "What failed and was set aside"),
    PaneEntry("5", "cleanup", "Clean-up", "To what may go", "What may go, and what became of it"),
    PaneEntry("6", "jobs", "Jobs", "To the job queue", "What runs, what waits, what ended"),
)
