"""Fine-tuning for the classification of whole scans."""
