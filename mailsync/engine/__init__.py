"""The composition root: wires config, store, mirrors, pipeline and jobs, and runs them in one thread with one loop.

It only wires and delegates; what a part does lives in its package. No screens, no command line.
The daemon, the dashboard's command and the commands of the command line may import it.
"""
