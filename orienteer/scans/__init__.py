"""Scans of any format: find, read, bring to one form, and keep in a store."""
