"""Tests of `mailsync.config`."""
