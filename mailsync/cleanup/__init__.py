"""Clean-ups: rules propose, a human approves a frozen list, it is carried out, and it can be undone.

`guard` is the one place that says what is never touched; `scan` makes proposals of what `rules` find, `staging` of what
a person chose; what changes a server runs over an approved list only. No SQL, no screens, no schedules. The engine and
the front ends may import it; it imports `sync`, `pipeline`, `jobs` and what is below.
"""
