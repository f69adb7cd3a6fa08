"""Clean-ups: rules propose, a human approves a frozen list, it is carried out, and it can be undone.

`guard` is the one place that says what is never touched; `rules`, `candidates`, `scan` and `sampling` make proposals;
what changes a server runs over an approved list only. No SQL, no screens, no schedules. The engine imports it; it
imports `sync`, `pipeline`, `jobs` and what is below.
"""
