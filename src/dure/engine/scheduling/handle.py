"""How a kernel is given the core: by one address instead of all its arrays.

- numba passes a tuple of arrays as some 150 numbers to every function that it calls: measured, that
  is 100 s of compiling and 9 µs an event, against 1 µs so.
- The handle is a table of addresses and shapes. In a kernel it has the core's names, each an array
  that is made from the table when it is named.
- It borrows: the core must outlive the call.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.imputils import lower_getattr_generic
from numba.core.typing.templates import AttributeTemplate, infer_getattr
from numba.extending import NativeValue, models, register_model, typeof_impl, unbox
from numba.np import arrayobj

from dure.engine.scheduling.facts import Core

_NUMBER: Final = ir.IntType(64)
_BYTES: Final = 8
_DIMENSIONS: Final = dict.fromkeys(Core._fields, 2) | {
    "bits": 4,
    "level": 3,
    "queue": 1,
    "want": 1,
    "busy": 1,
    "due": 3,
    "counter": 1,
}
_ENTRY: Final = 5
"""Numbers of a table entry: the address, and up to four lengths."""


class Handle:
    """The core's arrays as a kernel takes them."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._table = np.zeros((len(Core._fields), _ENTRY), np.int64)
        for entry, array in zip(self._table, core, strict=True):
            entry[0] = array.ctypes.data
            entry[1 : 1 + array.ndim] = array.shape
        self.address = self._table.ctypes.data


class _HandleType(types.Type):
    def __init__(self) -> None:
        super().__init__(name="SchedulingCore")


_TYPE: Final = _HandleType()


@typeof_impl.register(Handle)  # type: ignore[untyped-decorator]
def _type_of(_value: Handle, _context: object) -> _HandleType:
    return _TYPE


@register_model(_HandleType)
class _Model(models.PrimitiveModel):  # type: ignore[misc]  # numba's classes are Any
    def __init__(self, manager: Any, of: _HandleType) -> None:
        super().__init__(manager, of, _NUMBER.as_pointer())


@unbox(_HandleType)  # type: ignore[untyped-decorator]
def _unbox(_type: _HandleType, value: Any, context: Any) -> Any:
    address = context.pyapi.object_getattr_string(value, "address")
    number = context.pyapi.long_as_longlong(address)
    context.pyapi.decref(address)
    return NativeValue(context.builder.inttoptr(number, _NUMBER.as_pointer()))


def _array(name: str) -> Any:
    of = types.float64 if name in ("share", "use") else types.int64
    return types.Array(of, _DIMENSIONS[name], "C")


@infer_getattr
class _Names(AttributeTemplate):  # type: ignore[misc]  # numba's classes are Any
    key = _HandleType

    def generic_resolve(self, _type: _HandleType, name: str) -> Any:
        return _array(name) if name in _DIMENSIONS else None


@lower_getattr_generic(_HandleType)  # type: ignore[untyped-decorator]
def _named(context: Any, builder: Any, _type: _HandleType, table: Any, name: str) -> Any:
    """The array of this name, made from its entry in the table."""
    kind = _array(name)
    first = Core._fields.index(name) * _ENTRY

    def entry(place: int) -> Any:
        where = builder.gep(table, [ir.Constant(_NUMBER, first + place)])
        return builder.load(where)

    lengths = [entry(1 + axis) for axis in range(kind.ndim)]
    steps = [ir.Constant(_NUMBER, _BYTES)]
    for length in reversed(lengths[1:]):
        steps.insert(0, builder.mul(steps[0], length))
    array = arrayobj.make_array(kind)(context, builder)
    arrayobj.populate_array(
        array,
        data=builder.inttoptr(entry(0), context.get_data_type(kind.dtype).as_pointer()),
        shape=cgutils.pack_array(builder, lengths),
        strides=cgutils.pack_array(builder, steps),
        itemsize=ir.Constant(_NUMBER, _BYTES),
        meminfo=None,
    )
    return array._getvalue()  # noqa: SLF001 - how numba's own lowering reads it
