"""Getting into an account: where its password comes from.

No IMAP, no database; secrets are handed on and never kept, shown or logged. The engine and the front ends may import
it; it imports `config`, `privacy`, `errors`.
"""
