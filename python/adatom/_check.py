"""What users give, as plain Python numbers and JSON; what can't be meant is refused by the parameter's name."""

import json
import math
import operator
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def number(name: str, given: Any) -> float:
    """A finite number, whatever type of Python or NumPy it has."""
    if isinstance(given, str | bytes | bool | np.bool_ | complex | np.complexfloating) or np.ndim(given):
        raise TypeError(f"{name} is {given!r}; it must be a number")
    try:
        found = float(given)
    except (TypeError, ValueError):
        raise TypeError(f"{name} is a {type(given).__name__}; it must be a number") from None
    if not math.isfinite(found):
        raise ValueError(f"{name} is {found}; it must be a finite number")
    return found


def positive(name: str, given: Any) -> float:
    """A finite number above 0."""
    found = number(name, given)
    if found <= 0:
        raise ValueError(f"{name} is {found:g}; it must be above 0")
    return found


def count(name: str, given: Any, least: int = 0, most: int = 2**64 - 1) -> int:
    """A whole number, whatever type of Python or NumPy it has."""
    if isinstance(given, bool | np.bool_):
        raise TypeError(f"{name} is {given!r}; it must be a whole number")
    try:
        found = operator.index(given)
    except TypeError:
        raise TypeError(f"{name} is {given!r}; it must be a whole number") from None
    if found < least:
        raise ValueError(f"{name} is {found}; it must be at least {least}")
    if found > most:
        raise ValueError(f"{name} is {found}; it must be at most {most}")
    return found


def pair(name: str, given: Any, meaning: str) -> tuple[float, float]:
    """Two finite numbers: a tuple, a list or an array."""
    values = list(given) if isinstance(given, Iterable) and not isinstance(given, str | bytes) else [given]
    if len(values) != 2:
        raise ValueError(f"{name} is {given!r}; it must be a pair ({meaning})")
    return number(name, values[0]), number(name, values[1])


def names(name: str, given: Any) -> list[str]:
    """Several names, or one."""
    found = [given] if isinstance(given, str) else list(given)
    for one in found:
        if not isinstance(one, str):
            raise TypeError(f"{name} has {one!r}; it must be names")
    return found


def real_array(name: str, given: Any) -> NDArray[Any]:
    """An array of real numbers none of which is masked."""
    if np.ma.is_masked(given):
        hidden = int(np.sum(np.ma.getmaskarray(given)))
        raise TypeError(f"{name}: {hidden} of the values are masked; give an array without a mask, such as array.filled(0)")
    array = np.asarray(given)
    if array.dtype.kind not in "fiub":
        hint = "; give the modulus, numpy.abs" if array.dtype.kind == "c" else ""
        raise TypeError(f"{name}: the values are {array.dtype}; they must be real numbers{hint}")
    return array


def to_json(given: Any) -> str:
    """JSON of what may hold NumPy's numbers and arrays."""
    return json.dumps(_plain(given, "the value"), allow_nan=False)


def _plain(given: Any, name: str) -> Any:
    if isinstance(given, np.ndarray | np.generic):
        given = given.tolist()
    if isinstance(given, Mapping):
        return {str(key): _plain(value, str(key)) for key, value in given.items()}
    if isinstance(given, list | tuple):
        return [_plain(value, name) for value in given]
    if isinstance(given, float) and not math.isfinite(given):
        raise ValueError(f"{name} is {given}; it must be a finite number")
    if given is None or isinstance(given, str | int | float):
        return given
    raise TypeError(f"{name} is a {type(given).__name__}; it must be a number, a text, or a list or dict of those")
