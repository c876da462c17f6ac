"""Seals: what shows that an entry is whole, belongs to its key, and, where reading it runs code, that we wrote it.

The secret is kept outside of all stores, in the user's state folder, with mode 0600: who can write to a store, but
cannot read the secret, cannot make a pickle that would be read.
"""

from __future__ import annotations

import hmac
import os
import secrets
import stat
from hashlib import blake2b
from pathlib import Path

from skorche.cache.codec import SIGNED
from skorche.canonical import SIZE


class NoSecretError(Exception):
    """There is no secret, or others can read it: nothing can be signed."""


def seal_of(key: bytes, codec: str, data: bytes, secret: bytes | None) -> bytes:
    """The seal of an entry.

    Raises:
        NoSecretError: its format needs a signature, and there is no secret.
    """
    if codec not in SIGNED:
        plain = blake2b(key + codec.encode(), digest_size=SIZE)
        plain.update(data)
        return plain.digest()
    if secret is None:
        raise NoSecretError
    signed = hmac.new(secret, key + codec.encode(), "sha256")
    signed.update(data)
    return signed.digest()


def is_sealed(seal: object, key: bytes, codec: str, data: bytes, secret: bytes | None) -> bool:
    """Whether it is the seal of this entry."""
    try:
        return isinstance(seal, bytes) and hmac.compare_digest(seal, seal_of(key, codec, data, secret))
    except NoSecretError:
        return False


def secret_file() -> Path:
    """Where the secret lies: in the user's state folder (`XDG_STATE_HOME`)."""
    state = os.environ.get("XDG_STATE_HOME", "")
    folder = Path(state) if os.path.isabs(state) else Path.home() / ".local" / "state"
    return folder / "skorche" / "store.key"


def read_secret() -> bytes:
    """The user's secret, made when it is first needed.

    Raises:
        NoSecretError: it cannot be made, or others could have read it, or changed it.
    """
    try:
        path = secret_file()
        if not path.exists():
            _make_secret(path)
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with open(file, "rb") as opened:
            found = os.fstat(file)
            secret = opened.read(SIZE + 1)
    except (OSError, RuntimeError) as error:  # RuntimeError: there is no home
        raise NoSecretError(f"the key for signing cannot be read: {error}") from error
    own = stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o077
    if not own or len(secret) != SIZE:
        raise NoSecretError(f"{path} is no key of the user's own that nobody else can read (mode 600)")
    return secret


def _make_secret(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    own = path.with_name(f".{secrets.token_hex(8)}.tmp")
    file = os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with open(file, "wb") as made:
            made.write(secrets.token_bytes(SIZE))
        try:
            os.link(own, path)  # unlike a rename, it leaves the one that another worker has just made
        except FileExistsError:
            return
    finally:
        os.unlink(own)
