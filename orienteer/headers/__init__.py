"""The header reader: a small network that sees a whole scan coarsely and estimates how its header may be wrong."""
