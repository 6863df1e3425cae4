"""The commands finetune and predict: training on labels, from pretrained weights or from scratch."""
