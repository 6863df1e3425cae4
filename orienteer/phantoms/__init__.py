"""Synthetic anatomy: torso CTs with label maps, from a seed."""
