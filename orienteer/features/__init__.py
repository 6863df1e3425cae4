"""A frozen encoder over whole scans: feature maps, vectors per scan or view, and pictures of them."""
