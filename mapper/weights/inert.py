"""Stand-ins for the few foreign classes that published checkpoints name, so that none is run.

A pickle names classes and functions and says with what to call them. PyTorch's weights-only
reader calls only those on a list. Ours holds inert stand-ins: what a checkpoint stores beside
its tensors (the trainer's options) is kept as data, and neither argparse, omegaconf nor numpy
need be installed or are called.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final


class Inert:
    """Takes the place of an object in a pickle; keeps the state that it would have been given.

    Slots, so that a pickle cannot plant a method such as __setstate__ in the instance.
    """

    __slots__ = ("state",)

    def __new__(cls, *_: object) -> Inert:
        """An object without behaviour, whatever it is made with."""
        made = super().__new__(cls)
        made.state = None
        return made

    def __setstate__(self, state: object) -> None:
        self.state = state

    @property
    def fields(self) -> Mapping[Any, Any]:
        """The stored attributes; of an omegaconf node, its items."""
        if not isinstance(self.state, dict):
            return {}
        content = self.state.get("_content")
        return content if isinstance(content, dict) else self.state


def plain_dict(*_: object) -> dict[Any, Any]:
    """Stands in for collections.defaultdict: the reader then sets its items one by one."""
    return {}


# Known from published files: CUT3R stores an omegaconf node, DUSt3R and its kin a Namespace.
INERT_NAMES: Final = (
    "argparse.Namespace",
    "types.SimpleNamespace",
    "omegaconf.dictconfig.DictConfig",
    "omegaconf.listconfig.ListConfig",
    "omegaconf.base.ContainerMetadata",
    "omegaconf.base.Metadata",
    "omegaconf.nodes.AnyNode",
    "omegaconf.nodes.StringNode",
    "omegaconf.nodes.IntegerNode",
    "omegaconf.nodes.FloatNode",
    "omegaconf.nodes.BooleanNode",
    "typing.Any",
    "builtins.dict",
    "builtins.list",
    "builtins.tuple",
    "builtins.int",
    "builtins.float",
    "builtins.bool",
    "builtins.str",
    "numpy.dtype",
    "numpy.core.multiarray.scalar",
    "numpy._core.multiarray.scalar",
    "pathlib.PosixPath",
    "pathlib.PurePosixPath",
    "pathlib.WindowsPath",
)

_lock = threading.Lock()


@contextmanager
def only_inert_globals() -> Iterator[None]:
    """Within: torch.load(weights_only=True) accepts tensors and the stand-ins, nothing else.

    What other libraries have put on PyTorch's list, which is one for the whole process, is
    taken off meanwhile.
    """
    from torch.serialization import add_safe_globals, clear_safe_globals, get_safe_globals

    with _lock:
        before = get_safe_globals()
        clear_safe_globals()
        add_safe_globals([(Inert, name) for name in INERT_NAMES])
        add_safe_globals([(plain_dict, "collections.defaultdict")])
        try:
            yield
        finally:
            clear_safe_globals()
            add_safe_globals(before)


def stored_text(options: object, name: str) -> str | None:
    """The text under `name` in the trainer's options, a stand-in or a plain dict; else None."""
    fields = options.fields if isinstance(options, Inert) else options
    if not isinstance(fields, Mapping):
        return None
    value = fields.get(name)
    if isinstance(value, Inert):  # omegaconf wraps each value in a node
        value = value.fields.get("_val")
    return value if isinstance(value, str) else None
