"""CUT3R and the systems that change how its state is updated."""
