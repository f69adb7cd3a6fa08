"""Tests of `mailsync.privacy`."""
