"""How versions of packages are compared."""


def release(version: str) -> str:
    """Return a version without its local part: `2.13.0` for `2.13.0`, `2.13.0+cpu` and `2.13.0+cu130`.

    The local part names a build of a release, and the same build may be named in two ways: PyPI's torch is `2.13.0`
    to pip and `2.13.0+cu130` to itself.
    """
    return version.partition("+")[0]
