"""Tests of `mailsync.accounts.oauth`."""
