"""The parts of benchmarks.gauntlet: its sequences, how each is mapped, judged and shown."""
