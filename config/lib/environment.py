"""The process's environment, the only source of settings; a ``.env`` in the checkout fills what is not set."""

from pathlib import Path

import environ

CHECKOUT = Path(__file__).resolve().parents[2]

env = environ.Env()
environ.Env.read_env(CHECKOUT / ".env", overwrite=False)


def development() -> bool:
    """Whether everything but the servers may have a default: ``DEBUG``, else whether nobody has set a ``SECRET_KEY``.

    A bare checkout therefore just runs, and a deployment, which always has its own key, never gets a default.
    """
    value: bool = env.bool("DEBUG", default=not env.str("SECRET_KEY", default=""))
    return value
