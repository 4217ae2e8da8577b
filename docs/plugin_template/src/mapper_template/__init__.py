"""A frontend, a reader, an exporter and an adapter for mapper."""
