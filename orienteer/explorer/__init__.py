"""The command explore: a page in the browser to point at places of a scan, and its server."""
