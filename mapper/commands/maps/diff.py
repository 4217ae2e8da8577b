"""mapper diff: what appeared and what vanished between two runs of one place."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from mapper.commands.numbers import positive

EPILOG = """examples:
  mapper diff runs/monday runs/tuesday
  mapper diff runs/before runs/after --min-size 0.3 --out changes/

Both runs are brought into one world as by mapper merge, or are in one already (--same-world: tied
to the same known poses or GPS, or mapped into one another). Then surfaces and free space are
compared: a thing has vanished only if the later run looked through its place, and appeared only if
the earlier one did. Writes diff.html (pictures, sizes, places), diff.ply (the later map; what
appeared is green, what vanished red) and diff.json. The runs stay as they are (docs/maps.md).
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.epilog = EPILOG
    parser.add_argument("earlier", type=Path, metavar="RUN_A", help="run directory, of before")
    parser.add_argument("later", type=Path, metavar="RUN_B", help="run directory, of after")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder to write (RUN_B/diff)")
    parser.add_argument(
        "--min-size",
        type=positive,
        default=0.1,
        metavar="M",
        help="leave out what is smaller in every direction (0.1)",
    )
    parser.add_argument(
        "--same-world", action="store_true", help="the runs' coordinates are of one world already"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier comparison")


def execute(arguments: argparse.Namespace) -> int:
    """Carry the command out; the exit code of the process."""
    from mapper.commands.mapping.run import stop_on_sigterm
    from mapper.comparing.compare import compare
    from mapper.comparing.difference_files import NAMES, difference_record, write_difference
    from mapper.run.directory import RunDirectory
    from mapper.run.ownership import writing_into
    from mapper.runtime.existing_files import make_way

    stop_on_sigterm()
    later = RunDirectory.open(arguments.later)
    out = arguments.out or arguments.later / "diff"
    for name in NAMES:
        make_way(out / name, arguments.overwrite)
    told = {} if arguments.json else {"say": print}
    found = compare(
        arguments.earlier, arguments.later, arguments.min_size, arguments.same_world, **told
    )
    record = difference_record(found, arguments.min_size)
    with writing_into(later, out / NAMES[0]):
        files = write_difference(out, found, record)
    if arguments.json:
        print(json.dumps({"files": [str(path) for path in files], **record}))
    else:
        _print(record, files)
    return 0


def _print(record: dict[str, Any], files: list[Path]) -> None:
    from mapper.comparing.page import change_in_words, summary

    print(f"  {summary(record)}")
    for kind in ("appeared", "vanished"):
        for change in record[kind]:
            print(f"  {kind}: {change_in_words(change, record['units'])}")
    print("\n".join(f"  {path}" for path in files))
