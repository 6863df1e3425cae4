"""Scripts that exported MONAI bundles carry: the preparation of scans and the way back, with MONAI, numpy and scipy alone."""
