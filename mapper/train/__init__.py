"""Training of the learned frontends: what their publications optimise, and how."""
