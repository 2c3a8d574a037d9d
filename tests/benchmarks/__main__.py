"""``make bench``: measure this machine and print one table, with DESIGN's targets beside the figures."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator

from .measurement import Measured

BENCHMARKS = ("extraction", "inn", "peers", "report", "intake", "probe", "audits", "load")


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument(
        "only", nargs="*", metavar="benchmark", help=f"one or more of {', '.join(BENCHMARKS)}; else all"
    )
    parser.add_argument("--threads", type=int, default=1, help="of every library, as stages run (default: 1)")
    options = parser.parse_args(arguments)
    unknown = set(options.only) - set(BENCHMARKS)
    if unknown:
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}; choose from {', '.join(BENCHMARKS)}")
    return options


def chosen(only: list[str]) -> dict[str, Callable[[int], Iterator[Measured]]]:
    """Benchmarks by name. Imported late: numerical libraries read the number of threads when they load."""
    from . import (
        bench_audits,
        bench_extraction,
        bench_inn,
        bench_intake,
        bench_load,
        bench_peers,
        bench_probe,
        bench_report,
    )

    found = (
        bench_extraction,
        bench_inn,
        bench_peers,
        bench_report,
        bench_intake,
        bench_probe,
        bench_audits,
        bench_load,
    )
    return {name: module.bench for name, module in zip(BENCHMARKS, found, strict=True) if name in (only or BENCHMARKS)}


def main() -> None:
    """Run and print."""
    options = parse()
    os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = str(options.threads)
    from rich.console import Console
    from rich.table import Table

    console = Console(width=None if sys.stdout.isatty() else 120)
    table = Table("what", "measured", "target", title=f"Scotoma on this machine, {options.threads} thread(s)")
    with console.status("") as status:
        for name, bench in chosen(options.only).items():
            status.update(f"measuring: {name}")
            for line in bench(options.threads):
                table.add_row(*line)
            table.add_section()
    console.print(table)


if __name__ == "__main__":
    main()
