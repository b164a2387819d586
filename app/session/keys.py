"""Keys of the session's state that are read or written by name; whatever else it holds is a widget's own."""

FORM_FILLED, FORM_FILLED_AGAIN = "train_filled", "train_filled_again"  # what a preset or "Again" put into the widgets
