"""Points that several keyframes see, found by matching their features."""
