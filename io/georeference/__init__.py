"""Maps that lie on the Earth, in the coordinate systems of surveyors."""
