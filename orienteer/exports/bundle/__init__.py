"""MONAI bundles: a folder with weights, configs and scripts that `monai.bundle` runs without orienteer."""
