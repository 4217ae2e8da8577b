"""How parity with recorded outputs of the reference systems is checked."""
