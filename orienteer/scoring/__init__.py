"""Scores of predictions: Dice, Hausdorff distance, AUC, bootstrap intervals and tables of results."""
