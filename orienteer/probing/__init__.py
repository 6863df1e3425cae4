"""Probes: simple models on frozen features of labelled scans, after a run and while it trains."""
