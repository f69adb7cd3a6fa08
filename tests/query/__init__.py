"""Tests of `mailsync.query`."""
