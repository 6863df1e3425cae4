"""Compares pretraining methods on equal terms: the same scans, network, steps and labels, and a twin without pretraining."""
