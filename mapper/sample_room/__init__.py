"""The room that `mapper demo` renders and maps."""
