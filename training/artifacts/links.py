"""A file that an earlier commit holds, under a second name: its bytes are on the disk already."""

from __future__ import annotations

import errno
import stat
from typing import TYPE_CHECKING

from training.artifacts import fs
from training.artifacts.folders import opened

if TYPE_CHECKING:
    from training.artifacts.folders import Folders
    from training.artifacts.segments import Piece

_NOT_HERE = {
    errno.ENOENT,  # that commit was removed since
    errno.EMLINK,  # a file can have only so many names (65,000 on ext4)
    errno.EPERM,  # the file system has no links, or the file is another user's
    errno.EACCES,
    errno.EXDEV,
    errno.EOPNOTSUPP,
    errno.ENOTDIR,
    errno.ELOOP,  # somebody put a link where the file was
}


def linked(folders: Folders, piece: Piece, name: str, directory: int) -> bool:
    """Give the file that holds a piece a name in this directory; False: it has to be written.

    The file was synced before the commit that holds it could be seen, so that only the directory
    has to be.
    """
    if not piece.held:
        return False
    *folder, held = piece.held.split("/")
    try:
        with folders.open(tuple(folder)) as parent:
            with opened(fs.open_file(held, parent)) as file:
                found = fs.status(file)
            if not stat.S_ISREG(found.st_mode) or found.st_size != piece.data.nbytes:
                return False
            fs.link(held, parent, name, directory)
    except OSError as error:
        if error.errno in _NOT_HERE:
            return False
        raise
    return True
