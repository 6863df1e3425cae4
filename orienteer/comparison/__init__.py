"""The commands compare and ablate: methods side by side on equal terms, in one table and one page."""
