"""Weights for other programs (MONAI, nnU-Net, nnssl, ONNX, torch), checked tensor by tensor."""
