"""Tests of `mailsync.accounts`."""
