"""Ink that knows nothing of tasks: slices, boxes, arrows and plots on matplotlib figures, from plain numpy arrays."""
