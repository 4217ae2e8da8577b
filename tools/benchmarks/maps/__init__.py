"""What finished maps are good for, and how well."""
