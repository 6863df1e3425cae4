"""Results as DICOM objects that refer to the series of their scan: segmentations, and reports with places in space."""
