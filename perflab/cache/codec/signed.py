"""Pickles that this program signed: the way for values of other types, open only to who has the key.

In: a value, the key it is stored under, a secret. Out: bytes that are unpickled only if their signature fits.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import pickle
import stat
from pathlib import Path

from perflab.errors import StoreError

__all__ = ["KEY_BYTES", "SignedPickle", "read_key", "signer_for"]

KEY_BYTES = 32
_SIGNATURE = hashlib.sha256().digest_size


class SignedPickle:
    """Pickles and unpickles under an HMAC-SHA256 over the stored key and the pickle (RFC 2104).

    Whoever has the secret can make this process run code; whoever has only the folder cannot. What was once signed for
    a key stays valid for it: an older value of the same key can be put back by who may write the folder.

    Parameters
    ----------
    secret
        At least 16 bytes, kept outside of the cache folder.

    Raises
    ------
    StoreError
        If the secret is shorter.

    Examples
    --------
    >>> signer = SignedPickle(bytes(32))
    >>> signer.load(signer.dump(range(3), b"key"), b"key")
    range(0, 3)
    """

    def __init__(self, secret: bytes) -> None:
        if len(secret) < 16:
            raise StoreError(f"The key for pickles has {len(secret)} bytes; it must have 16 or more, all random.")
        self._secret = secret

    def dump(self, value: object, key: bytes) -> bytes:
        """Return signature and pickle of a value; whatever its own pickling raises goes to the caller."""
        data = pickle.dumps(value, protocol=5)
        return self._sign(data, key) + data

    def load(self, data: bytes, key: bytes) -> object:
        """Return the value that `dump` wrote for this key.

        Raises
        ------
        StoreError
            If the signature does not fit; then nothing was unpickled.
        """
        signature, pickled = data[:_SIGNATURE], data[_SIGNATURE:]
        if not hmac.compare_digest(signature, self._sign(pickled, key)):
            raise StoreError("The stored pickle is not signed with this cache's key; it was not read.")
        return pickle.loads(pickled)  # noqa: S301 (signed by who has the secret)

    def _sign(self, pickled: bytes, key: bytes) -> bytes:
        return hmac.digest(self._secret, len(key).to_bytes(8, "big") + key + pickled, "sha256")


def signer_for(key: bytes | os.PathLike[str] | None, folder: Path) -> SignedPickle | None:
    """Return the signer of a cache in a folder by its secret, or by the file that holds it; None for none."""
    if key is None:
        return None
    return SignedPickle(key if isinstance(key, bytes) else read_key(Path(key), folder))


def read_key(path: Path, folder: Path) -> bytes:
    """Return the secret in a file; a missing file is made, with 32 random bytes and mode 0600.

    Parameters
    ----------
    path
        The file, outside of the cache folder: who can plant values must not find the key beside them.
    folder
        The cache folder.

    Raises
    ------
    StoreError
        If the file lies in the cache folder, is no regular file, belongs to another user, may be read by others, or
        cannot be read or made.
    """
    path = path.expanduser().absolute()
    if path.resolve().is_relative_to(folder.resolve()):
        raise StoreError(f"The key file {str(path)!r} is in the cache folder; keep it elsewhere.")
    try:
        if not os.path.lexists(path):
            with contextlib.suppress(FileExistsError):
                _make_key(path)
        return _read_private(path)
    except OSError as error:
        raise StoreError(f"The key file {str(path)!r} cannot be read or made ({error}); name another one.") from error


def _make_key(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = path.with_name(f"{path.name}.{os.urandom(8).hex()}")
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(os.urandom(KEY_BYTES))
        os.link(new, path)  # whole or not at all, and never over another process's key
    finally:
        new.unlink()


def _read_private(path: Path) -> bytes:
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
            raise StoreError(
                f"The key file {str(path)!r} is refused (owner uid {found.st_uid}, mode "
                f"{stat.filemode(found.st_mode)}); it must be a file of your own that only you may read: chmod 600."
            )
        return file.read()
