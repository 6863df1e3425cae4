"""The command audit: what is wrong in a collection, by rules, by comparing scans, and by anatomy against header."""
