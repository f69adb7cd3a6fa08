"""The parts of the screens: lists, panels and the reading pane, each drawing its own lines.

A widget is given values to show and posts messages; those over long lists read their own pages from the store.
Only the screens of mailsync.tui import it.
"""
