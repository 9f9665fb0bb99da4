"""Every call to the file system that the store makes on local disk: the one seam.

Nothing in `disk.py` touches a file but through here, so that a test can fail, kill or record each
operation. A file or directory is named by one name within an open directory, never by a path: a
symbolic link cannot lead out of the store.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

Kind = Literal["file", "directory", "other"]

_RENAME_NOREPLACE = 1
_UNSUPPORTED = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP}
_locked: set[int] = set()


def open_root(path: str) -> int:
    """Open the directory of a store; the user may have made it a link."""
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def make_root(path: str, mode: int = 0o777) -> None:
    """Make a directory by its path: only for the store's own root."""
    Path(path).mkdir(mode)


def open_directory(name: str, inside: int) -> int:
    """Open a directory; a link is refused (ENOTDIR)."""
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(name, flags, dir_fd=inside)


def make_directory(name: str, inside: int, mode: int = 0o777) -> None:
    """Make a directory, which must not exist."""
    os.mkdir(name, mode, dir_fd=inside)


def create_file(name: str, inside: int, mode: int = 0o666) -> int:
    """Make a file, which must not exist, and open it for writing."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(name, flags, mode, dir_fd=inside)


def create_unnamed(inside: int) -> int:
    """Make a file without a name, on the file system of a directory; it is gone when it is closed.

    Raises:
        OSError: EOPNOTSUPP: this system, or this file system, has none.
    """
    if not _has_unnamed:
        raise OSError(errno.EOPNOTSUPP, "no files without a name here", ".")
    try:
        return os.open(".", os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o666, dir_fd=inside)
    except IsADirectoryError:  # a file system that does not know them
        raise OSError(errno.EOPNOTSUPP, "no files without a name here", ".") from None


def open_lock(name: str, inside: int) -> int:
    """Open a file for locking; make it if need be."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.open(name, flags, 0o666, dir_fd=inside)


def open_file(name: str, inside: int) -> int:
    """Open a file for reading; a link is refused (ELOOP), and a pipe does not block."""
    return os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=inside)


def reserve(file: int, size: int) -> None:
    """Set space aside, where the system can."""
    if sys.platform == "linux":
        try:
            os.posix_fallocate(file, 0, size)
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise


def write(file: int, data: memoryview) -> int:
    """Write some of the bytes; returns how many."""
    return os.write(file, data)


def read(file: int, into: memoryview) -> int:
    """Read some bytes; returns how many, 0 at the end."""
    return os.readv(file, [into])


def sync(file: int) -> None:
    """Make a file or directory durable. An error means that it may never be: do not try again."""
    if sys.platform == "darwin":
        fcntl.fcntl(file, fcntl.F_FULLFSYNC)
    else:
        os.fsync(file)


def close(file: int) -> None:
    """Close a file or directory; an error means that bytes may be lost."""
    _locked.discard(file)
    os.close(file)


def publish(name: str, inside: int, new_name: str, new_inside: int) -> None:
    """Move a file or a filled directory to a name that does not exist.

    Raises:
        FileExistsError: it does.
    """
    if _renameat2 is not None:
        arguments = (inside, os.fsencode(name), new_inside, os.fsencode(new_name))
        if _renameat2(*arguments, _RENAME_NOREPLACE) == 0:
            return
        code = ctypes.get_errno()
        if code not in _UNSUPPORTED:
            raise OSError(code, os.strerror(code), new_name)
    _publish_portably(name, inside, new_name, new_inside)


def replace(name: str, inside: int, new_name: str, new_inside: int) -> None:
    """Move a file over whatever file has the new name."""
    os.replace(name, new_name, src_dir_fd=inside, dst_dir_fd=new_inside)


def rename(name: str, inside: int, new_name: str, new_inside: int) -> None:
    """Move a file or directory, over whatever the system allows."""
    os.rename(name, new_name, src_dir_fd=inside, dst_dir_fd=new_inside)


def link(name: str, inside: int, new_name: str, new_inside: int) -> None:
    """Give a file a second name, which must not exist."""
    os.link(name, new_name, src_dir_fd=inside, dst_dir_fd=new_inside, follow_symlinks=False)


def give_name(file: int, name: str, inside: int) -> None:
    """Give a name, which must not exist, to a file that was made without one."""
    os.link(f"/proc/self/fd/{file}", name, dst_dir_fd=inside, follow_symlinks=True)


def unlink(name: str, inside: int) -> None:
    """Remove a file."""
    os.unlink(name, dir_fd=inside)


def remove_directory(name: str, inside: int) -> None:
    """Remove an empty directory."""
    os.rmdir(name, dir_fd=inside)


def unsorted_names(directory: int) -> list[str]:
    """The names in a directory."""
    return os.listdir(directory)


def names(directory: int) -> list[str]:
    """The names in a directory, sorted."""
    return sorted(os.listdir(directory))


def kind(name: str, inside: int) -> Kind:
    """What a name is; a link, a pipe or a device is `other`."""
    mode = os.stat(name, dir_fd=inside, follow_symlinks=False).st_mode
    return "directory" if stat.S_ISDIR(mode) else "file" if stat.S_ISREG(mode) else "other"


def entry(name: str, inside: int) -> os.stat_result:
    """Size and links of what has a name; a link is not followed."""
    return os.stat(name, dir_fd=inside, follow_symlinks=False)


def stamp(name: str, inside: int) -> str:
    """What changes when another file or directory gets a name; empty: it is neither."""
    found = os.stat(name, dir_fd=inside, follow_symlinks=False)
    is_ours = stat.S_ISDIR(found.st_mode) or stat.S_ISREG(found.st_mode)
    return f"{found.st_ino}.{found.st_ctime_ns}" if is_ours else ""


def status(file: int) -> os.stat_result:
    """Size, links and times of an open file or directory."""
    return os.fstat(file)


def empty(file: int) -> None:
    """Take all bytes out of a file."""
    os.ftruncate(file, 0)


def lock(file: int) -> bool:
    """Lock a file or directory until it is closed or the process ends; False: another one did.

    A process that is forked off does not keep the lock.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    _locked.add(file)
    return True


def _publish_portably(name: str, inside: int, new_name: str, new_inside: int) -> None:
    """Where a rename cannot be told to spare what is there.

    A directory cannot be renamed onto one that holds something, and an empty one is nothing here.
    A file gets a second name, which is exclusive everywhere, and loses the first.
    """
    if kind(name, inside) == "file":
        link(name, inside, new_name, new_inside)
        unlink(name, inside)
        return
    try:
        rename(name, inside, new_name, new_inside)
    except OSError as error:
        if error.errno in {errno.ENOTEMPTY, errno.ENOTDIR}:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), new_name) from error
        raise


def _find_renameat2() -> Callable[..., int] | None:
    if sys.platform != "linux":
        return None
    return getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)


def _close_inherited() -> None:
    for file in _locked:
        os.close(file)
    _locked.clear()


_renameat2 = _find_renameat2()
_has_unnamed = sys.platform == "linux" and Path("/proc/self/fd").is_dir()
os.register_at_fork(after_in_child=_close_inherited)
