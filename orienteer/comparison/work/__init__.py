"""Runs the cells of a comparison in processes, and keeps what each came to: records, logs, time and energy."""
