"""The command `python -m training calibrate`."""

from pathlib import Path
from typing import Annotated

import typer

from training.alert_eval.calibration import fit, read_judged, write_calibration
from training.console import console


def calibrate_command(
    outcomes: Annotated[
        list[Path], typer.Argument(help="Files `outcomes.jsonl` of evaluate-alerts on held-out posts.")
    ],
    output: Annotated[Path, typer.Option(help="File to write; it belongs beside the adapter.")],
    setting: Annotated[str, typer.Option(help="Row and entities of the run.")] = "judge | network",
    judge: Annotated[str, typer.Option(help="Prompt of the run.")] = "writer-v2",
) -> None:
    """Calibrate a judge's confidence on the outcomes of runs without a calibration.

    Example: python -m training calibrate runs/hard/outcomes.jsonl --output models/writers/social/calibration.json
    """
    judged = read_judged(outcomes, setting)
    calibration = fit(judged)
    num_right = sum(is_right for _, is_right in judged)
    write_calibration(
        output, calibration, judge=judge, about=f"{len(judged)} alerts, {num_right} of them right"
    )
    console.print(f"slope {calibration.slope:.3f}, offset {calibration.offset:.3f}: {output}")
