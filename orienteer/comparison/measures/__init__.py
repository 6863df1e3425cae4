"""What a comparison measures of an encoder, one file each."""
