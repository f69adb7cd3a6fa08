"""What is made of stored messages: pure stages (bytes in, values out), and the runner that follows a cursor.

The stages know no database, no server and no screen; only the runner and the indexer, with its processes, open the
store. Engine and front ends may import it; it imports `store`, `query`, `model`, `text`, `errors`, and none of its
siblings `sync` and `jobs`.
"""
