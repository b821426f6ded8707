"""How a kernel is given the core and the policy: by one address instead of all their numbers.

- numba passes a tuple of arrays as some 150 numbers to every function that it calls: measured, that
  is 100 s of compiling and 9 µs an event, against 1 µs so.
- The handle is a row of addresses and lengths. In a kernel it has the core's names, and each is a
  `table`: an array of 64-bit numbers that is passed on as the address of its entry here.
- What is kept of one job, node or the like stands together, and how much that is is known when the
  kernel is compiled: a place in it is then one sum away. A negative index means nothing here.
- The entries never change during a call: what was read of them once need not be read again.
- The handle borrows: the core must outlive the call.
"""

from __future__ import annotations

import operator
from typing import Any, Final

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.imputils import lower_builtin, lower_getattr, lower_getattr_generic
from numba.core.types.containers import UniTuple
from numba.core.typing import signature
from numba.core.typing.templates import (
    AbstractTemplate,
    AttributeTemplate,
    infer_getattr,
    infer_global,
)
from numba.extending import (
    NativeValue,
    intrinsic,
    models,
    register_model,
    typeof_impl,
    unbox,
)

from dure.engine.scheduling import account_rows, job_rows, node_rows, timers
from dure.engine.scheduling.facts import Core, Policy

LOWERED: Final = 5
"""Raised whenever this module lowers otherwise: what was compiled before is of no use then."""

_NUMBER: Final = ir.IntType(64)
_POINTER: Final = _NUMBER.as_pointer()
_DIMENSIONS: Final = dict.fromkeys(Core._fields, 2) | {
    "bits": 4,
    "level": 3,
    "queue": 1,
    "want": 1,
    "busy": 1,
    "due": 3,
    "counter": 1,
}
_TOGETHER: Final = {
    "job": job_rows.ROWS,
    "account": account_rows.ROWS,
    "node": node_rows.NODE_ROWS,
    "slot": node_rows.SLOT_ROWS,
    "home": node_rows.HOME_ROWS,
    "timer": timers.ROWS,
}
"""How many numbers of each thing stand together: these arrays are in the order of their columns."""

_ENTRY: Final = 5
"""Numbers of an array's entry: the address, and up to four lengths."""

_RULES: Final = len(Core._fields) * _ENTRY
"""Where the numbers of the policy begin."""


class Handle:
    """The core's arrays and the policy as a kernel takes them."""

    def __init__(self, core: Core, policy: Policy) -> None:
        self._core = core
        self._row = np.zeros(_RULES + len(policy), np.int64)
        for at, (name, array) in enumerate(core._asdict().items()):
            order = array.flags.f_contiguous if name in _TOGETHER else array.flags.c_contiguous
            if not order:
                raise ValueError(f"the numbers of the core's {name} stand in another order")
            self._row[at * _ENTRY] = array.ctypes.data
            self._row[at * _ENTRY + 1 : at * _ENTRY + 1 + array.ndim] = array.shape
        self._row[_RULES:] = policy
        self.address = self._row.ctypes.data


class _HandleType(types.Type):
    """The core; `policy` is among its names."""

    def __init__(self) -> None:
        super().__init__(name="SchedulingCore")


class _PolicyType(types.Type):
    def __init__(self) -> None:
        super().__init__(name="SchedulingPolicy")


class _TableType(types.Type):
    """An array of the core."""

    def __init__(self, field: str) -> None:
        self.field = field
        self.ndim = _DIMENSIONS[field]
        self.dtype = types.float64 if field in ("share", "use") else types.int64
        super().__init__(name=f"SchedulingTable({field})")


_CORE: Final = _HandleType()
_POLICY: Final = _PolicyType()
_TABLES: Final = {field: _TableType(field) for field in Core._fields}


@register_model(_HandleType)
@register_model(_PolicyType)
@register_model(_TableType)
class _Model(models.PrimitiveModel):  # type: ignore[misc]  # numba's classes are Any
    """Each is an address in the handle's row."""

    def __init__(self, manager: Any, of: Any) -> None:
        super().__init__(manager, of, _POINTER)


@typeof_impl.register(Handle)  # type: ignore[untyped-decorator]
def _type_of(_value: Handle, _context: object) -> _HandleType:
    return _CORE


@unbox(_HandleType)  # type: ignore[untyped-decorator]
def _unbox(_type: _HandleType, value: Any, context: Any) -> Any:
    address = context.pyapi.object_getattr_string(value, "address")
    number = context.pyapi.long_as_longlong(address)
    context.pyapi.decref(address)
    return NativeValue(context.builder.inttoptr(number, _POINTER))


def _behind(builder: Any, row: Any, place: int) -> Any:
    """The address so many numbers on."""
    return builder.gep(row, [ir.Constant(_NUMBER, place)], inbounds=True)


def _entry(builder: Any, row: Any, place: int) -> Any:
    """A number of the row."""
    loaded = builder.load(_behind(builder, row, place))
    loaded.set_metadata("invariant.load", builder.module.add_metadata([]))
    return loaded


@infer_getattr
class _Names(AttributeTemplate):  # type: ignore[misc]  # numba's classes are Any
    key = _HandleType

    def generic_resolve(self, _type: _HandleType, name: str) -> Any:
        return _POLICY if name == "policy" else _TABLES.get(name)


@lower_getattr_generic(_HandleType)  # type: ignore[untyped-decorator]
def _named(_context: Any, builder: Any, _type: _HandleType, row: Any, name: str) -> Any:
    if name == "policy":
        return _behind(builder, row, _RULES)
    return _behind(builder, row, Core._fields.index(name) * _ENTRY)


@infer_getattr
class _Rules(AttributeTemplate):  # type: ignore[misc]  # numba's classes are Any
    key = _PolicyType

    def generic_resolve(self, _type: _PolicyType, name: str) -> Any:
        return types.int64 if name in Policy._fields else None


@lower_getattr_generic(_PolicyType)  # type: ignore[untyped-decorator]
def _rule(_context: Any, builder: Any, _type: _PolicyType, row: Any, name: str) -> Any:
    return _entry(builder, row, Policy._fields.index(name))


def _lengths(builder: Any, of: _TableType, row: Any) -> list[Any]:
    lengths = [_entry(builder, row, 1 + axis) for axis in range(of.ndim)]
    if of.field in _TOGETHER:
        lengths[0] = ir.Constant(_NUMBER, _TOGETHER[of.field])
    return lengths


@infer_getattr
class _Shape(AttributeTemplate):  # type: ignore[misc]  # numba's classes are Any
    key = _TableType

    def resolve_shape(self, of: _TableType) -> Any:
        return UniTuple(types.int64, of.ndim)


@lower_getattr(_TableType, "shape")  # type: ignore[untyped-decorator]
def _shape(_context: Any, builder: Any, of: _TableType, row: Any) -> Any:
    return cgutils.pack_array(builder, _lengths(builder, of, row))


def _indices(of: _TableType) -> Any:
    return types.int64 if of.ndim == 1 else UniTuple(types.int64, of.ndim)


@infer_global(operator.getitem)
class _Read(AbstractTemplate):  # type: ignore[misc]  # numba's classes are Any
    def generic(self, args: Any, _named: Any) -> Any:
        of = args[0]
        return signature(of.dtype, of, _indices(of)) if isinstance(of, _TableType) else None


@infer_global(operator.setitem)
class _Write(AbstractTemplate):  # type: ignore[misc]  # numba's classes are Any
    def generic(self, args: Any, _named: Any) -> Any:
        of = args[0]
        if not isinstance(of, _TableType):
            return None
        return signature(types.none, of, _indices(of), of.dtype)


def _place(context: Any, builder: Any, of: _TableType, row: Any, index: Any) -> Any:
    """The address of the number at this index."""
    indices = [index] if of.ndim == 1 else cgutils.unpack_tuple(builder, index, of.ndim)
    lengths = _lengths(builder, of, row)
    if of.field in _TOGETHER:
        indices, lengths = indices[::-1], lengths[::-1]
    place = indices[0]
    for at, length in zip(indices[1:], lengths[1:], strict=True):
        place = builder.add(builder.mul(place, length), at)
    data = builder.inttoptr(_entry(builder, row, 0), context.get_data_type(of.dtype).as_pointer())
    return builder.gep(data, [place], inbounds=True)


@lower_builtin(operator.getitem, _TableType, types.Any)  # type: ignore[untyped-decorator]
def _read(context: Any, builder: Any, of: Any, args: Any) -> Any:
    return builder.load(_place(context, builder, of.args[0], *args))


@lower_builtin(operator.setitem, _TableType, types.Any, types.Any)  # type: ignore[untyped-decorator]
def _write(context: Any, builder: Any, of: Any, args: Any) -> Any:
    row, index, value = args
    builder.store(value, _place(context, builder, of.args[0], row, index))
    return context.get_dummy_value()


@intrinsic  # type: ignore[untyped-decorator]
def move(_typing: Any, of: Any, to: Any, at: Any, count: Any) -> Any:  # noqa: ARG001 - typed by numba
    """So many numbers from the index `at` on are copied to the index `to`; they may overlap."""

    def lower(context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        row, there, here, numbers = args
        source = _place(context, builder, of, row, here)
        target = _place(context, builder, of, row, there)
        cgutils.raw_memmove(builder, target, source, numbers, 8)
        return context.get_dummy_value()

    return types.none(of, _indices(of), _indices(of), types.int64), lower
