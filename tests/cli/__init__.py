"""Tests of `mailsync.cli`."""
