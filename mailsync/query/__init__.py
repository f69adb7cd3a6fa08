"""The search and filter language: text to a syntax tree, with the column of what is wrong.

No SQL, no IMAP, no message: whoever asks compiles the tree for what it asks. Everything above may import it.
"""
