"""Many numbers at once as text, by arithmetic on whole arrays."""

from __future__ import annotations

import numpy as np

DROP = 0  # the byte that text_rows leaves out


def fixed_point(values: np.ndarray, decimals: int) -> np.ndarray:
    """uint8 (N, width): values (N,) in decimal, right-aligned, DROP where there is no character.

    |values| * 10^decimals must stay below 9e18.
    """
    rest = np.rint(np.abs(np.asarray(values, np.float64)) * 10.0**decimals).astype(np.int64)
    negative = (values < 0) & (rest > 0)
    whole = max(len(str(int(rest.max(initial=0)))) - decimals, 1)
    point = 1 if decimals else 0
    text = np.empty((len(rest), 1 + whole + point + decimals), np.uint8)
    column = text.shape[1] - 1
    for place in range(whole + decimals):
        if decimals and place == decimals:
            text[:, column] = ord(".")
            column -= 1
        quotient = rest // 10
        digit = (rest - 10 * quotient + ord("0")).astype(np.uint8)
        # Before the first digit there is nothing, but one digit stands before the point.
        text[:, column] = digit if place <= decimals else np.where(rest > 0, digit, DROP)
        rest, column = quotient, column - 1
    text[:, 0] = np.where(negative, ord("-"), DROP)
    # The sign's column is the first; digits that are dropped between do no harm.
    return text


def text_rows(columns: list[np.ndarray | bytes]) -> bytes:
    """Rows of text: columns are uint8 (N, width), or bytes that stand in every row."""
    count = next(len(column) for column in columns if not isinstance(column, bytes))
    parts = [
        np.broadcast_to(np.frombuffer(column, np.uint8), (count, len(column)))
        if isinstance(column, bytes)
        else column
        for column in columns
    ]
    rows = np.concatenate(parts, axis=1)
    return rows[rows != DROP].tobytes()
