"""What a comparison writes: tables, paired differences, and the page."""
