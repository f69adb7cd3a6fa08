"""Tests of mailsync.imap."""
