"""Checks of everything that documents say; a package, so that its modules share their helpers."""
