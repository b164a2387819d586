"""What a training leaves behind: the Recorder and the run directory that it writes."""
