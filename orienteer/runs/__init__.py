"""What a run hands over: folder, settings, card, weights, checkpoints, and the recipe to prepare scans."""
