"""A program that is Rerun's until its standard input closes, as it does when its parent is gone."""

from __future__ import annotations

import os
import signal
import sys
import threading

from rerun_cli.__main__ import main


def end_with_parent() -> None:
    """End this process and the program that it runs, which are a group of their own."""
    sys.stdin.buffer.read()
    os.killpg(0, signal.SIGTERM) if hasattr(os, "killpg") else os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=end_with_parent, daemon=True).start()
    sys.exit(main())
