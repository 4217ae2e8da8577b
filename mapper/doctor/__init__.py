"""What a machine can do: asked by `mapper doctor`."""
