"""Scans of any format: find, read, check and bring to one form."""
