"""The report: what a run predicts on scans, how far that is right, and whether the scans' headers fit their anatomy."""
