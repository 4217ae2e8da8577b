"""mapper doctor: what works on this machine, and the remedy for what does not."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of the command."""
    parser.epilog = "Exit code 0: ready to map. 1: something that mapping needs does not work."


def execute(arguments: argparse.Namespace) -> int:
    """Carry the command out; the exit code of the process."""
    from mapper.doctor.checks import diagnose, print_doctor

    if not arguments.json:
        return 0 if print_doctor() else 1
    checks = diagnose()
    ready = all(check.status != "missing" for check in checks)
    print(json.dumps({"ready": ready, "checks": [asdict(check) for check in checks]}))
    return 0 if ready else 1
