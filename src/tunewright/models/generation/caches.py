"""Kept keys and values, in memory that is there before it is needed.

The layers of transformers' `DynamicCache` are joined anew at every token, which copies all that was
kept. These write into room that was taken at once.

Shapes: b rows, h heads of keys and values, t tokens, d width of a head.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor
from transformers.cache_utils import Cache, DynamicCache, DynamicLayer, EncoderDecoderCache

_GROWTH = 1.5


class RoomyLayer(DynamicLayer):
    """Keys and values of one layer, [b, h, t, d] each, with room for more.

    Args:
        room: tokens that will be kept; more is taken should it not do.
    """

    def __init__(self, room: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._room = room
        self._kept = 0
        self._key_room: Tensor | None = None
        self._value_room: Tensor | None = None

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Keep more; all that is kept, as views that the next call may write behind."""
        until = self._kept + key_states.shape[-2]
        if self._key_room is None or self._value_room is None:
            self.dtype, self.device = key_states.dtype, key_states.device
            self._room = max(self._room, until)
            self._key_room = _room_for(key_states, self._room)
            self._value_room = _room_for(value_states, self._room)
            self.is_initialized = True
        elif until > self._room:
            self._room = max(until, int(self._room * _GROWTH))
            self._key_room = _moved(self._key_room, self._kept, self._room)
            self._value_room = _moved(self._value_room, self._kept, self._room)
        self._key_room[:, :, self._kept : until] = key_states
        self._value_room[:, :, self._kept : until] = value_states
        self._kept = until
        return self._shown()

    def reorder_cache(self, beam_idx: Tensor) -> None:
        """Keep the rows `beam_idx`, in that order; a row may be kept twice, or left out."""
        if self._key_room is None or self._value_room is None:
            return
        rows = beam_idx.to(self._key_room.device)
        self._key_room = self._key_room.index_select(0, rows)
        self._value_room = self._value_room.index_select(0, rows)
        self._shown()

    def fork(self, rows: int, room: int) -> RoomyLayer:
        """The same for many rows, of one."""
        other = RoomyLayer(self._kept + room)
        if self._key_room is not None:
            keys, values = self._shown()
            other.update(keys.expand(rows, -1, -1, -1), values.expand(rows, -1, -1, -1))
        return other

    def _shown(self) -> tuple[Tensor, Tensor]:
        assert self._key_room is not None and self._value_room is not None
        self.keys = self._key_room[:, :, : self._kept]
        self.values = self._value_room[:, :, : self._kept]
        return self.keys, self.values


def _room_for(states_bhtd: Tensor, tokens: int) -> Tensor:
    b, h, _, d = states_bhtd.shape
    return states_bhtd.new_empty(b, h, tokens, d)


def _moved(old: Tensor, kept: int, tokens: int) -> Tensor:
    new = _room_for(old, tokens)
    new[:, :, :kept] = old[:, :, :kept]
    return new


def new_cache(config: Any, room: int) -> Cache:
    """An empty cache of the kinds of layers that a model has, plain ones with room for tokens."""
    cache = _decoder_cache(config, room)
    if config.is_encoder_decoder:
        return EncoderDecoderCache(cache, DynamicCache(config=config))
    return cache


def _decoder_cache(config: Any, room: int) -> DynamicCache:
    cache = DynamicCache(config=config)
    cache.layers = [RoomyLayer(room) if type(la) is DynamicLayer else la for la in cache.layers]
    return cache


def fork(cache: Cache, rows: int, room: int) -> Cache:
    """A cache of one row, all of whose layers are `RoomyLayer`, for many rows and more tokens."""
    return Cache(layers=[layer.fork(rows, room) for layer in cache.layers])  # type: ignore[union-attr]


def special_layers(config: Any) -> tuple[str, ...]:
    """Kinds of layers that keep something else than all keys and values, by the name of their
    class; what they keep of a beginning cannot be shared."""
    layers = DynamicCache(config=config).layers
    return tuple(
        sorted({type(layer).__name__ for layer in layers if type(layer) is not DynamicLayer})
    )


def keep_rows(cache: Cache, rows: Tensor) -> None:
    """Keep only some rows of a cache, in this order."""
    cache.reorder_cache(rows)  # type: ignore[arg-type]
