"""Tests of `mailsync.pipeline`."""
