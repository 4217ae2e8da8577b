"""What a person looks at first: the report and its figures."""
