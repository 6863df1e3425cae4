"""What a comparison compares: methods, parts of the data, and the settings of every cell, resolved before any work."""
