"""The commands pretrain, plan and demo: the training loop, its data, callbacks and evaluation."""
