"""Drawing that knows no task: slices, boxes, arrows and plots from numpy arrays, and the frame of HTML pages."""
