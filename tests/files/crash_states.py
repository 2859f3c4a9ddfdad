"""Which disks can a crash leave behind? (After Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014.)

The model: data of a file that was fsynced is durable; other data may be there as any prefix, block-wise here by
halves. A change of names is durable after an fsync of its folder; before that any subset of the changes may be.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

Operation = tuple[str, Path, "bytes | Path | None"]
State = dict[Path, bytes]


@dataclass
class _Inode:
    data: bytes = b""
    possible: set[bytes] = field(default_factory=lambda: {b""})


@dataclass
class _Disk:
    durable: dict[Path, _Inode] = field(default_factory=dict)
    current: dict[Path, _Inode] = field(default_factory=dict)
    pending: list[tuple[Path, _Inode | None, Path]] = field(default_factory=list)  # name, inode or None, its folder

    def name(self, path: Path, inode: _Inode | None) -> None:
        if inode is None:
            self.current.pop(path, None)
        else:
            self.current[path] = inode
        self.pending.append((path, inode, path.parent))

    def apply(self, operation: Operation) -> None:
        kind, path, detail = operation
        if kind == "create":
            self.name(path, _Inode())
        elif kind == "write":
            assert isinstance(detail, bytes)
            if path not in self.current:
                self.name(path, _Inode())
            inode = self.current[path]
            inode.possible |= {inode.data + detail[:n] for n in (1, len(detail) // 2, len(detail))}
            inode.data += detail
        elif kind == "fsync":
            self.current[path].possible = {self.current[path].data}
        elif kind == "link":
            assert isinstance(detail, Path)
            self.name(detail, self.current[path])
        elif kind == "rename":
            assert isinstance(detail, Path)
            # Two changes, each alone too: worse than any journal leaves.
            inode = self.current.pop(path)
            self.current[detail] = inode
            self.pending += [(path, None, path.parent), (detail, inode, detail.parent)]
        elif kind == "unlink":
            self.name(path, None)
        elif kind == "fsync-folder":
            for change in [c for c in self.pending if c[2] == path]:
                self.pending.remove(change)
                _name(self.durable, change)


def _name(names: dict[Path, _Inode], change: tuple[Path, _Inode | None, Path]) -> None:
    if change[1] is None:
        names.pop(change[0], None)
    else:
        names[change[0]] = change[1]


def crash_states(operations: list[Operation], before: State) -> Iterator[tuple[bool, State]]:
    """Every (was the whole protocol over?, files) that a crash during or after `operations` can leave."""
    seen = set()
    for count in range(len(operations) + 1):
        disk = _Disk()
        for path, data in before.items():
            disk.durable[path] = disk.current[path] = _Inode(data, {data})
        for operation in operations[:count]:
            disk.apply(operation)
        for state in _states(disk):
            key = (count == len(operations), tuple(sorted(state.items())))
            if key not in seen:
                seen.add(key)
                yield key[0], state


def _states(disk: _Disk) -> Iterator[State]:
    for size in range(len(disk.pending) + 1):
        for changes in itertools.combinations(disk.pending, size):
            names = dict(disk.durable)
            for change in changes:
                _name(names, change)
            inodes = list({id(i): i for i in names.values()}.values())
            for contents in itertools.product(*(sorted(i.possible) for i in inodes)):
                content = {id(i): c for i, c in zip(inodes, contents, strict=True)}
                yield {path: content[id(inode)] for path, inode in names.items()}
