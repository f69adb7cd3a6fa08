"""Tests of the engine as a whole: jobs, monitors, signals, kills."""
