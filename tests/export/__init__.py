"""Tests of what leaves: files as other programs read them, repeated, killed, and under names that servers think up."""
