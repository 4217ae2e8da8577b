"""What a person sees while a map is made: the Rerun viewer and recording."""
