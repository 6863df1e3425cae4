"""Prepared scans on disk: which there are, what became of the others, and reading a box of one."""
