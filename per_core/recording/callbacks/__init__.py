"""Callbacks of training frameworks: one line in a training script, and the run appears on the page Train.

A file a framework, which imports it; nothing else of PERscope does.

    from per_core.recording.callbacks.lightning import Recording
    Trainer(callbacks=[Recording("runs/first")])

What all of them take and do says `EpochRecorder`.
"""
