"""The reference global alignment: every pair of views, gradient descent on all pixels."""
