"""The screens: dashboard, mail, help, and the short wait at the end.

A screen puts widgets together, answers their messages and asks the engine by job rows; it draws nothing itself.
Only mailsync.tui.app imports it.
"""
