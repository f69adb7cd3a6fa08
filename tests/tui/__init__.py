"""The screens, over stores prepared without any server."""
