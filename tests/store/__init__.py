"""Tests of the store: real files, several threads, several processes."""
