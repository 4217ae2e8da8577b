"""Published evaluation protocols: what is measured, on which frames, and how it is written down."""
