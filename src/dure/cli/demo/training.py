"""A small but real data-parallel training job: `python -m dure.cli.demo.training --steps 400`.

- One process per accelerator, as the engine starts them (DURE_RANK, DURE_WORLD_SIZE,
  DURE_MASTER_PORT, DURE_CHECKPOINT_DIR). Without these it trains alone.
- A network with one hidden layer learns a fixed synthetic data set. Each rank has its shard of
  every batch; the gradients are summed by rank 0, in the order of the ranks, over loopback
  sockets, and come back as the mean.
- The result does not depend on interruptions, to the last bit: batches follow from the step's
  number, sums have one order, and a checkpoint holds all of the state.
- SIGTERM reaches the ranks at different instants. Each tells rank 0 with its next gradients, and
  rank 0 tells all: so all leave after the same step, and the checkpoint is of that step.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import socket
import struct
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

for _threads in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_threads] = "1"  # ranks share the machine; read once, when NumPy is imported

import numpy as np  # noqa: E402 - after the line above, which it reads
import numpy.typing as npt  # noqa: E402 - the same

Vector = npt.NDArray[np.float64]

INPUTS, HIDDEN, CLASSES = 64, 96, 10
SAMPLES = 4096
RATE, MOMENTUM = 0.2, 0.9
INTERRUPTED = 143  # 128 + SIGTERM, as shells say it
_FLAG = struct.Struct("!B")


@dataclass
class Model:
    """All of the state: the weights, their momentum, and the step they are at."""

    weights: Vector
    momentum: Vector
    step: int = 0

    @classmethod
    def fresh(cls) -> Model:
        size = INPUTS * HIDDEN + HIDDEN * CLASSES
        weights = np.random.default_rng(1).normal(0.0, 0.1, size)
        return cls(weights, np.zeros(size))

    @classmethod
    def load(cls, path: Path) -> Model:
        with np.load(path) as saved:
            return cls(saved["weights"], saved["momentum"], int(saved["step"]))

    def save(self, path: Path) -> None:
        """Replace the checkpoint in one move: a reader sees the old one or the new one."""
        part = path.with_suffix(".part.npz")
        np.savez(part, weights=self.weights, momentum=self.momentum, step=self.step)
        part.replace(path)

    def learn(self, gradient: Vector) -> None:
        self.momentum = MOMENTUM * self.momentum - RATE * gradient
        self.weights = self.weights + self.momentum
        self.step += 1

    def digest(self) -> str:
        return hashlib.sha256(self.weights.tobytes()).hexdigest()[:16]


class Ranks:
    """The ranks of one attempt, with rank 0 in the middle."""

    def __init__(self, rank: int, size: int, port: int) -> None:
        self._rank = rank
        self._peers: list[socket.socket] = []
        if size == 1:
            return
        self._peers = _accept(size, port) if rank == 0 else [_connect(rank, port)]

    def mean(self, own: Vector, *, leaving: bool) -> tuple[Vector, bool]:
        """The mean of all ranks' vectors, and whether any of them is told to leave."""
        if self._rank:
            _send(self._peers[0], own, leaving)
            return _receive(self._peers[0], own.size)
        total = own.copy()
        for peer in self._peers:  # in the order of the ranks: floating-point sums have an order
            theirs, told = _receive(peer, own.size)
            total += theirs
            leaving = leaving or told
        mean = total / (len(self._peers) + 1)
        for peer in self._peers:
            _send(peer, mean, leaving)
        return mean, leaving

    def close(self) -> None:
        for peer in self._peers:
            peer.close()


def _accept(size: int, port: int) -> list[socket.socket]:
    found: dict[int, socket.socket] = {}
    with socket.create_server(("127.0.0.1", port)) as server:
        while len(found) < size - 1:
            peer, _ = server.accept()
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            found[_FLAG.unpack(_exactly(peer, 1))[0]] = peer
    return [found[rank] for rank in sorted(found)]


def _connect(rank: int, port: int, patience_s: float = 20.0) -> socket.socket:
    give_up = time.monotonic() + patience_s
    while True:
        try:
            peer = socket.create_connection(("127.0.0.1", port))
            break
        except ConnectionRefusedError:  # rank 0 is still importing
            if time.monotonic() > give_up:
                raise
            time.sleep(0.01)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    peer.sendall(_FLAG.pack(rank))
    return peer


def _send(peer: socket.socket, vector: Vector, leaving: bool) -> None:  # noqa: FBT001 - a message
    peer.sendall(_FLAG.pack(leaving) + vector.tobytes())


def _receive(peer: socket.socket, size: int) -> tuple[Vector, bool]:
    data = _exactly(peer, 1 + 8 * size)
    return np.frombuffer(data, dtype=np.float64, offset=1), bool(data[0])


def _exactly(peer: socket.socket, size: int) -> bytes:
    data = bytearray(size)
    view, got = memoryview(data), 0
    while got < size:
        count = peer.recv_into(view[got:])
        if not count:
            raise ConnectionError("a rank went away")
        got += count
    return bytes(data)


def dataset() -> tuple[Vector, npt.NDArray[np.int64]]:
    """Ten clouds of points around fixed centres, some overlapping; the same on every machine."""
    source = np.random.default_rng(0)
    centres = source.normal(0.0, 0.2, (CLASSES, INPUTS))
    labels = source.integers(0, CLASSES, SAMPLES)
    return centres[labels] + source.normal(0.0, 1.0, (SAMPLES, INPUTS)), labels


def loss_and_gradient(
    weights: Vector, x: Vector, labels: npt.NDArray[np.int64]
) -> tuple[float, Vector]:
    """Cross entropy of a tanh layer and a softmax, and its gradient by hand."""
    first = weights[: INPUTS * HIDDEN].reshape(INPUTS, HIDDEN)
    second = weights[INPUTS * HIDDEN :].reshape(HIDDEN, CLASSES)
    hidden = np.tanh(x @ first)
    chances = _softmax(hidden @ second)
    rows = np.arange(len(labels))
    loss = float(-np.log(chances[rows, labels]).mean())
    chances[rows, labels] -= 1.0
    chances /= len(labels)
    back = (chances @ second.T) * (1.0 - hidden**2)
    return loss, np.concatenate([(x.T @ back).ravel(), (hidden.T @ chances).ravel()])


def accuracy(weights: Vector, x: Vector, labels: npt.NDArray[np.int64]) -> float:
    first = weights[: INPUTS * HIDDEN].reshape(INPUTS, HIDDEN)
    second = weights[INPUTS * HIDDEN :].reshape(HIDDEN, CLASSES)
    return float(((np.tanh(x @ first) @ second).argmax(axis=1) == labels).mean())


def _softmax(scores: Vector) -> Vector:
    powers: Vector = np.exp(scores - scores.max(axis=1, keepdims=True))
    chances: Vector = powers / powers.sum(axis=1, keepdims=True)
    return chances


class Leaving:
    """Whether SIGTERM came; asked between steps."""

    def __init__(self) -> None:
        self.told = False
        signal.signal(signal.SIGTERM, self._hear)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self.told = True


def train(options: argparse.Namespace, rank: int, size: int, ranks: Ranks, home: Path) -> int:
    """Run to the last step or to SIGTERM; the exit code."""
    checkpoint = home / "model.npz"
    model = Model.load(checkpoint) if checkpoint.exists() else Model.fresh()
    leaving = Leaving()
    x, labels = dataset()
    _say(rank, f"rank {rank} of {size} starts at step {model.step}")
    while model.step < options.steps:
        over = time.monotonic() + options.step_s
        batch = np.random.default_rng(model.step).integers(0, SAMPLES, options.batch)[rank::size]
        loss, own = loss_and_gradient(model.weights, x[batch], labels[batch])
        gradient, leave = ranks.mean(own, leaving=leaving.told)
        model.learn(gradient)
        if rank == 0 and (leave or model.step % options.checkpoint_every == 0):
            model.save(checkpoint)
            _say(rank, f"step {model.step} loss {loss:.4f}")
        time.sleep(max(0.0, over - time.monotonic()))
        if leave:
            _say(rank, f"told to leave after step {model.step}")
            return INTERRUPTED
    if rank == 0:
        result = {
            "steps": model.step,
            "accuracy": round(accuracy(model.weights, x, labels), 4),
            "weights": model.digest(),
        }
        (home / "result.json").write_text(json.dumps(result))
        _say(rank, f"done {json.dumps(result)}")
    return 0


def _say(rank: int, line: str) -> None:
    if rank == 0:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def main(arguments: Sequence[str] | None = None) -> int:
    """Take the place in the gang that the environment says."""
    parser = argparse.ArgumentParser(description="A small data-parallel training job.")
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--batch", type=int, default=1024, help="samples per step, over all ranks")
    parser.add_argument("--checkpoint-every", type=int, default=50, help="steps")
    parser.add_argument("--step-s", type=float, default=0.0, help="what a step takes at least")
    options = parser.parse_args(arguments)
    rank = int(os.environ.get("DURE_RANK", "0"))
    size = int(os.environ.get("DURE_WORLD_SIZE", "1"))
    ranks = Ranks(rank, size, int(os.environ.get("DURE_MASTER_PORT", "0")))
    try:
        return train(options, rank, size, ranks, Path(os.environ.get("DURE_CHECKPOINT_DIR", ".")))
    finally:
        ranks.close()


if __name__ == "__main__":
    sys.exit(main())
