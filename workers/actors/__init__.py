"""The thin Ray shell: the only place of the workers that a Ray task enters."""

from workers.actors.execute import execute

__all__ = ["execute"]
