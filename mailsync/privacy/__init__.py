"""What a person has to allow, and what a log may say.

No secrets, no database, no server. Everybody above may import it; it imports `errors` only.
"""
