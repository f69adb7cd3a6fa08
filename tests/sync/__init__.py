"""Tests of the mirror: pure plans by hypothesis, the rest against real servers and a scripted one."""
