"""How a comparison is worked off: cells, their hashes, and the processes that run them."""
