"""A local page on which a person points at places of a scan and sees what the model says about them."""
