"""Fine-tuning for segmentation: patches, loss, sliding windows and label maps."""
