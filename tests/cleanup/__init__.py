"""Tests of clean-ups: what may never be touched first of all, by golden cases, generated ones and the bulk corpus."""
