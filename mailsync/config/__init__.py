"""config.toml: its models, how it is loaded, where it lies, which folders it selects.

No file but config.toml is read here, nothing is asked of a server, a keyring or the database.
Everybody above may import it; it imports `errors` only.
"""
