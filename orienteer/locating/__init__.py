"""The command locate: places marked in one scan, found in others in mm, with an error bar and a verdict."""
