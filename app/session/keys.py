"""Every key of the session's state that is read or written by name; whatever else it holds is a widget's own.

What a session remembers between two runs of a page stands first, then the widgets that others look at. A widget's key
is its parameter in the address, and public.
"""

ADDRESS = "address"  # what the address says on every page, by the first of the names that belong together
LANGUAGE = "language"  # the visitor's
PRESENTING = "presenting"  # whether the page is shown to a room
LANGUAGE_CHOSEN = "language_chosen"  # the switch beside the navigation
PRESSED, PRESS_DUE = "pressed", "press_due"  # the button that was pressed and when; what it does once it is drawn again
KEY_GIVEN = "key_given"  # whether the visitor has given the teacher's key

# The batch that is looked at
CHOICE = "choice"  # the sidebar's, for the page of this run
DATA_CLOUD, DATA_DENSITY = "data_cloud", "data_density"  # what was drawn, as it stands in the address
OPENED_DUMP = "opened_dump"  # the inspection of the dump that is open on Dumps
LOOKED_AT = "looked_at"  # the member of it that is shown there, and whether the other pages begin with it
METHODS_BEGINNING = "methods_beginning"  # scale and shift with which Methods opened for the batch
METHODS_FOLLOWED = "methods_followed"  # the slow flows that were followed to their end for the page as it is

# Learn
LESSON_SAID, LESSON_STEP = "learn_said", "learn_step"  # what was predicted, by step; the step that was open last

CLASS_SEAT = "learn_seat"  # whose predictions these are: code and seat of a class
CLASS_ERROR = "learn_error"  # what was refused, said at the head of the lesson

# Dumps
DUMP_PLACES = "dumps_places"  # slot -> where its files are
DUMP_SAID = "dumps_said"  # slot and path -> what a visitor said of how the dump is read, step by step
DUMP_EDIT = "dumps_edit"  # slot, rule and what is wrong with the last change of it
DUMP_MEASURED = "dumps_measured"  # members that were measured in full

# Train
START_TOKEN, START_PRESSED = "train_token", "train_pressed"  # of the last Start, so that a double click starts once
TRAIN_ERROR = "train_error"  # what was refused, said at the head of the page
FORM_FILLED, FORM_FILLED_AGAIN = "train_filled", "train_filled_again"  # what a preset or "Again" put into the widgets
RUNS_CHANGED, RUNS_UNREADABLE = "train_changed", "train_unreadable"  # the page above the list has to be drawn again
RUNS_LISTED, RUNS_TABLES = "train_listed", "train_tables"  # runs as they were listed, and which table that was
RUNS_DELETED = "train_deleted"  # by the last Delete, for Undo
RUNS_WATCHED, RUNS_SUBMITTED = "watched_runs", "submitted_runs"  # by this session

# Widgets that are read or set elsewhere than where they are drawn
DATA_SOURCE, DATA_DRAWN, DATA_DUMPED = "data_source", "data_drawn", "data_dumped"
DUMPS_QUANTITY, DUMPS_LAYER, DUMPS_EPOCH = "dumps_quantity", "dumps_layer", "dumps_epoch"
DUMPS_VIEW = "dumps_view"
DUMPS_LOOK = "dumps_look"  # whether the views below the map are open
METHODS_SCALE, METHODS_SHIFT = "methods_scale", "methods_shift"
STEP, LESSON_TURN = "step", "learn_turn"  # of the lesson: which one is open; the keys that turn
PRESENTING_SWITCH = "learn_present"
TRAIN_NEW = "train_new"  # whether the form is open
VIEW_CLIP, VIEW_OWN = "train_view_clip", "train_view_own"
VIEW_NETWORKS, VIEW_SEED = "train_view_networks", "train_view_seed"
VIEW_LAYERS, VIEW_UNIT = "train_view_layers", "train_view_unit"


def newest_source(slot: str) -> str:
    """Whether the visitor gave a file or a path last, of the dump in a slot."""
    return f"{slot}_newest"


def runs_table(number: int) -> str:
    """The table of runs: a new one begins where the rows are no longer those that were selected."""
    return f"train_runs_{number}"
