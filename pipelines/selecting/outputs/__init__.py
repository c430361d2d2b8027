"""Writers of lists: what was selected, in the forms that other programs read."""
