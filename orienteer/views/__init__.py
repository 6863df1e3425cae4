"""Views: draw them from a scan, augment and distort them, and batch them."""
