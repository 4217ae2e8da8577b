"""How a camera moves through a room: one file a way of moving."""
