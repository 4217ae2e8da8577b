"""One process at a time writes into a folder, and a dead one is no obstacle."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mapper.errors import OutputError
from mapper.runtime.folder_lock import LOCK, FolderInUseError, folder_lock

HOLDER = """
import sys, time
from pathlib import Path
from mapper.runtime.folder_lock import folder_lock
with folder_lock(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_second_is_told_who_has_it_and_since_when(tmp_path: Path) -> None:
    with folder_lock(tmp_path):
        expected = rf"process {os.getpid()} since \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d"
        with pytest.raises(FolderInUseError, match=expected), folder_lock(tmp_path):
            pass
        assert (tmp_path / LOCK).exists()
    assert list(tmp_path.iterdir()) == []
    with folder_lock(tmp_path):
        pass


def test_what_a_kill_leaves_is_no_obstacle(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "held\n"
        named = re.escape(f"process {process.pid} since")
        with pytest.raises(FolderInUseError, match=named), folder_lock(tmp_path):
            pass
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert (tmp_path / LOCK).exists()
    with folder_lock(tmp_path):
        assert str(os.getpid()) in (tmp_path / LOCK).read_text()


def test_who_waits_gets_it_when_it_is_free(tmp_path: Path) -> None:
    free = threading.Event()

    def hold() -> None:
        with folder_lock(tmp_path):
            free.set()
            time.sleep(0.1)

    thread = threading.Thread(target=hold)
    thread.start()
    free.wait()
    with folder_lock(tmp_path, patience=10):
        assert (tmp_path / LOCK).exists()
    thread.join()


def test_a_link_in_place_of_the_lock_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    (tmp_path / LOCK).symlink_to("mine.txt")
    with pytest.raises(OutputError, match="is a link"), folder_lock(tmp_path):
        pass
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_one_of_many_at_a_time(tmp_path: Path) -> None:
    """Releasing removes the file, which must not let two in by two files of one name."""
    inside, most, rounds = [0], [0], 40

    def work() -> None:
        for _ in range(rounds):
            with folder_lock(tmp_path, patience=30):
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                time.sleep(0.0005)
                inside[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]
