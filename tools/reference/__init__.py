"""Networks made to compute what the reference systems do, to be timed against."""
