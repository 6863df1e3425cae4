"""Labelled cases on grids: data sets, CSV tables, splits, label maps in the geometry of their scans."""
