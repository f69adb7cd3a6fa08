"""Tests of the sample mail and its server."""
