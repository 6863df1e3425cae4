"""Pure functions of positions, boxes, pairs and routes. No networks, no chance, no files."""
