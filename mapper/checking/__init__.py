"""How good a finished map is, told without ground truth."""
