"""Settings that a comparison sets itself, and settings that do not decide what comes out of a cell."""

PRETRAIN_RESERVED = {"scans", "out", "store", "resume", "seed", "include", "exclude", "group_by", "watch"}
"""Settings of a pretraining that the comparison sets."""

PRETRAIN_IDLE = {
    *PRETRAIN_RESERVED,
    *(
        "workers",
        "devices",
        "nodes",
        "accelerator",
        "prepare_workers",
        "pictures",
        "log_every",
        "logger",
        "probe",
        "header_steps",
    ),
}
"""Settings of a pretraining without influence on its result, or that the hash of its cell holds elsewhere."""

_FINETUNE_PLACES = {
    *("run", "start", "task", "data", "images", "labels", "out", "store", "resume"),
    *("split", "folds", "fold", "group_by", "fraction", "seed"),
}

FINETUNE_RESERVED = {*_FINETUNE_PLACES, "encoder", "encoder_arguments"}
"""Settings of a fine-tuning that the comparison sets."""

FINETUNE_IDLE = {
    *_FINETUNE_PLACES,
    *("workers", "prepare_workers", "accelerator", "pictures", "log_every", "logger", "save_every"),
}
"""Settings of a fine-tuning without influence on its result, or that the hash of its cell holds elsewhere."""

NETWORK = ("encoder", "encoder_arguments", "spacing_mm", "view_size", "unit_mm", "ct_window_hu", "mr_percentiles")
"""Settings of a pretraining that describe the network, pretrained or not."""

SHARED = ("encoder", "encoder_arguments", "spacing_mm", "view_size", "unit_mm")
"""Settings that are planned from the scans once, so that all methods have the same."""
