"""Plain data through a pipe: numbers, texts, lists, dicts, tensors and arrays as bytes, never pickles.

The judge and the process that runs a submission talk in it.  Whoever reads does not trust whoever wrote: a frame is
bounded in size and parts, every type and shape is checked, and nothing that is read can run.
"""

import base64
import json
import math
import struct
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch

LARGEST = 4 * 2**20  # bytes of one frame
MOST_PARTS = 100_000  # values in one frame: a list of a million numbers costs the reader more than its bytes
MAX_NON_STRING_KEYS = 1000  # keys or members of one dict or set that are no text: numbers can be made to share one hash
DEEPEST = 20
LONGEST_NAME = 50

_INTEGERS = ("uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64")
_KINDS = ("bool", *_INTEGERS, "float16", "float32", "float64")
_TENSORS = {kind: getattr(torch, kind) for kind in _KINDS}
_LISTS: dict[str, type] = {"list": list, "tuple": tuple, "set": set}


class NotPlainError(ValueError):
    """This is no plain data: too much of it, cut short, or not what it says it is."""


class Opaque:
    """Stands for an object that can't be sent; the name of its class is all that is known of it."""


def dumps(value: Any) -> bytes:
    """The value as bytes, its length before it.  Raises NotPlainError if that is more than LARGEST."""
    body = json.dumps(_encode(value, [MOST_PARTS], DEEPEST)).encode()
    if len(body) > LARGEST:
        raise NotPlainError("this is too large an answer")
    return struct.pack(">I", len(body)) + body


def loads(body: bytes) -> Any:
    """The value of a frame without its length.  Raises NotPlainError."""
    try:
        return _decode(json.loads(body), [MOST_PARTS], DEEPEST)
    except NotPlainError:
        raise
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError, RuntimeError, MemoryError) as error:
        raise NotPlainError(f"this is not plain data ({type(error).__name__})") from None


def name_of(value: Any) -> str:
    """The name of a value's class, as far as it is a name."""
    name = type(value).__name__
    return name[:LONGEST_NAME] if isinstance(name, str) and name.isidentifier() else "object"


def _encode(value: Any, left: list[int], depth: int) -> Any:
    """The value as JSON can hold it: what JSON has no type for becomes {type: content}."""
    left[0] -= 1
    if left[0] < 0 or depth < 0:
        raise NotPlainError("this is too large an answer")
    kind = type(value)
    if value is None or kind in (bool, int, float, str):
        return value
    if isinstance(value, torch.Tensor):
        return _array("tensor", value.detach().cpu().to_dense().resolve_conj().resolve_neg())
    if isinstance(value, np.ndarray | np.generic) and not isinstance(value, str):
        return _array("array", value)
    if isinstance(value, dict):
        if all(isinstance(key, str) or type(key) in (int, float, bool, type(None)) for key in value):
            pairs = [(str(key) if isinstance(key, str) else key, part) for key, part in value.items()]
            return {"dict": [[key, _encode(part, left, depth - 1)] for key, part in pairs]}
    elif isinstance(value, set | frozenset | list | tuple):
        name = "set" if isinstance(value, set | frozenset) else "tuple" if isinstance(value, tuple) else "list"
        return {name: [_encode(part, left, depth - 1) for part in value]}
    elif isinstance(value, bool | int | float | str):  # a subclass: the plain value of it
        plain = next(base for base in (int, float, str) if isinstance(value, base))
        return plain(value)
    elif not isinstance(value, complex | bytes | type) and not callable(value):
        try:  # whatever turns itself into numbers, as it would in the lesson
            return _array("tensor", torch.as_tensor(value).detach().cpu())
        except Exception:
            pass
    return {"opaque": name_of(value)}


def _array(what: str, value: Any) -> Any:
    if what == "tensor":
        if value.dtype not in _TENSORS.values() and value.dtype.is_floating_point:
            value = value.float()
        kind, numbers = str(value.dtype).removeprefix("torch."), value
        if kind in _TENSORS:
            numbers = value.contiguous().numpy()
    else:
        numbers = np.asarray(value)
        kind = numbers.dtype.name
    if kind not in _TENSORS:
        return {"opaque": name_of(value)}
    raw = np.ascontiguousarray(numbers, dtype=np.dtype(kind).newbyteorder("<")).tobytes()
    if len(raw) > LARGEST:
        raise NotPlainError("this is too large an answer")
    return {what: [kind, list(numbers.shape), base64.b64encode(raw).decode()]}


def _decode(encoded: Any, left: list[int], depth: int) -> Any:
    left[0] -= 1
    if left[0] < 0 or depth < 0:
        raise NotPlainError("this has too many parts")
    if isinstance(encoded, str):
        return encoded.encode("utf-8", "replace").decode()  # half a letter can't be written anywhere
    if encoded is None or isinstance(encoded, bool | int | float):
        return encoded
    if not isinstance(encoded, dict) or len(encoded) != 1:
        raise NotPlainError("this is not plain data")
    ((what, content),) = encoded.items()
    if what == "dict":
        pairs = [(_key(key), _decode(part, left, depth - 1)) for key, part in content]
        _hashed(key for key, _ in pairs)
        return dict(pairs)
    if what in _LISTS:
        if not isinstance(content, list):
            raise NotPlainError("this is not plain data")
        parts = [_decode(part, left, depth - 1) for part in content]
        if what == "set":
            _hashed(parts)
        return _LISTS[what](parts)
    if what in ("tensor", "array"):
        kind, shape, raw = content
        numbers = _numbers(kind, shape, raw)
        return torch.from_numpy(numbers) if what == "tensor" else numbers
    if what == "opaque" and isinstance(content, str) and content.isidentifier():
        return type(content[:LONGEST_NAME], (Opaque,), {})()
    raise NotPlainError("this is not plain data")


def _hashed(parts: Iterable[Any]) -> None:
    """Refuse so many parts that to make a dict or set of them could take minutes."""
    if sum(not isinstance(part, str) for part in parts) > MAX_NON_STRING_KEYS:
        raise NotPlainError(f"this has more than {MAX_NON_STRING_KEYS:,} keys or members of a set that are no text")


def _key(key: Any) -> Any:
    if isinstance(key, str):
        return _decode(key, [1], 0)
    if key is None or isinstance(key, bool | int | float):
        return key
    raise NotPlainError("this has keys that are neither text nor numbers")


def _numbers(kind: Any, shape: Any, raw: Any) -> np.ndarray:
    if kind not in _TENSORS or not isinstance(shape, list) or len(shape) > 16:
        raise NotPlainError("this is no array")
    if not all(type(side) is int and 0 <= side <= LARGEST for side in shape) or not isinstance(raw, str):
        raise NotPlainError("this is no array")
    content, dtype = base64.b64decode(raw, validate=True), np.dtype(kind).newbyteorder("<")
    if len(content) != math.prod(shape) * dtype.itemsize:
        raise NotPlainError("this array is not as large as it says")
    if kind == "bool" and content.strip(b"\0\1"):
        raise NotPlainError("these are no booleans")
    return np.frombuffer(content, dtype).astype(kind).reshape(shape)
