"""Versions of packages, as they are compared."""


def release(version: str) -> str:
    """Return a version without its local part: `2.13.0` of `2.13.0`, `2.13.0+cpu` and `2.13.0+cu130`.

    The local part names a build of one release, and not every build says it: PyPI's torch is `2.13.0` to pip and
    `2.13.0+cu130` to itself.
    """
    return version.partition("+")[0]
