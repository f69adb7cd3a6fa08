"""`make bench`: every benchmark of this folder, one after the other."""

from __future__ import annotations

from tests.benchmarks import (
    cleanup,
    first_many,
    first_sync,
    index,
    job_pane,
    key_to_paint,
    memory,
    message_list,
    push,
    queue,
    search,
    strategies,
    threads,
    triage,
    wire,
)

for benchmark in (
    wire,
    message_list,
    first_sync,
    first_many,
    index,
    strategies,
    push,
    memory,
    key_to_paint,
    job_pane,
    queue,
    threads,
    search,
    triage,
    cleanup,
):
    print(f"\n== {benchmark.__name__.rpartition('.')[2]}", flush=True)
    benchmark.main()
