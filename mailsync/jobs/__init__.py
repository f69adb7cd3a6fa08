"""The job queue: claiming, running, cancelling. What a job does is told by the engine as handlers.

Knows neither servers nor screens; works on the store alone.
The engine imports it; its siblings sync and pipeline do not.
"""
