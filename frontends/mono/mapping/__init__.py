"""The points and keyframes of a segment, and how they are kept in line."""
