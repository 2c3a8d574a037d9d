"""What the symmetry screen shows: moved inputs with the answers they got, and how far every tap is from symmetric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.results import Chart, Estimate, Gallery, Line, Measure, Picture, PictureRow, Symmetry
from workers.classifier.session import ClassifierSession
from workers.evidence.bootstrap import rate_interval
from workers.stages.classifying import classify
from workers.stages.faithfulness import estimate
from workers.stages.stage import StageContext
from workers.stages.views.pictures import answered, finite, measured
from workers.symmetry.actions import act, there_and_back
from workers.symmetry.equivariance import Weights
from workers.symmetry.groups import Element, Group
from workers.symmetry.thresholds import DEFAULT
from workers.symmetry.trials import Inputs, Trial

DONE = {
    "translations": "shifted",
    "flips": "mirrored",
    "c4": "turned by quarters",
    "c8": "turned by eighths",
    "so2": "turned by any angle",
    "scale": "zoomed",
    "colours": "given other colours",
    "nodes": "numbered otherwise",
}
"""What a group does to inputs, in words."""

ROWS, ELEMENTS = 2, 4

EXPLANATION = (
    "Each row takes an input of the references and moves it: shifts, mirrors, turns, zooms, and so on. Below each is "
    "what the classifier answers; the marks compare it with the answer to the first. The last column is the input "
    "moved and moved back, where that blurs it: a change seen there is the fault of the resampling, not of the "
    "classifier. The charts say how each tap responds, in units of how far two inputs are apart: 0 is a perfect "
    "symmetry, at 1 the moved input is as far away as any other."
)
CAUTION = "Only the listed groups were tested, each by a sample of its elements, on {count} references."


@dataclass(frozen=True)
class Shown:
    """What the gallery needs: ``answers`` are trials of the decision itself, by group; ``rows`` those of the result."""

    context: StageContext
    session: ClassifierSession
    inputs: Inputs
    groups: Sequence[Group]
    answers: Mapping[str, Trial]
    rows: Sequence[Symmetry]


def gallery(shown: Shown, weights: Weights) -> Gallery:
    """Pictures per group, how many answers change, and the errors of every tap."""
    return Gallery(
        view=shown.context.request.name,
        title="The same input, moved",
        explanation=EXPLANATION,
        columns=_columns(shown.groups),
        rows=[row for group in shown.groups for row in _rows(shown, group)],
        measures=[measure for group in shown.groups for measure in _changes(shown, group, weights)],
        charts=[chart for chart in _charts(shown) if _visible(chart)],
        notes=[CAUTION.format(count=len(shown.inputs))],
    )


def _columns(groups: Sequence[Group]) -> list[str]:
    """As many as the fullest row has; the last one only where something is resampled."""
    moved = max(len(_sample(group)) for group in groups)
    back = any(not element.exact for group in groups for element in _sample(group))
    return ["as it is", *["moved"] * moved, *(["moved and back"] if back else [])]


def _sample(group: Group) -> list[Element]:
    """A few elements, spread over the group."""
    places = np.unique(np.linspace(0, len(group.others) - 1, ELEMENTS).round().astype(int))
    return [group.others[place] for place in places]


def _rows(shown: Shown, group: Group) -> list[PictureRow]:
    """A few inputs at random."""
    chosen = np.sort(shown.context.rng("shown", group.name).permutation(len(shown.inputs))[:ROWS])
    return [_row(shown, group, shown.inputs[i : i + 1]) for i in chosen]


def _row(shown: Shown, group: Group, one: Inputs) -> PictureRow:
    elements = _sample(group)
    named = [("", one), *((element.name, act(element, one)) for element in elements)]
    resampled = next((element for element in elements if not element.exact), None)
    if resampled is not None:
        named.append((f"{resampled.name} and back", there_and_back(resampled, one)))
    answers = classify(shown.session, np.concatenate([image for _, image in named]))
    said = int(answers[0].argmax())
    pictures: list[Picture | None] = [
        _named(name, answered(image[0], answer, shown.context.config["outputs"], said if name else None))
        for (name, image), answer in zip(named, answers, strict=True)
    ]
    moved, back = pictures[: 1 + len(elements)], pictures[1 + len(elements) :]
    holes: list[Picture | None] = [None] * (len(_columns(shown.groups)) - len(pictures))
    return PictureRow(heading=DONE[group.name], pictures=[*moved, *holes, *back])


def _named(name: str, picture: Picture) -> Picture:
    return picture.model_copy(update={"caption": f"{name} → {picture.caption}"}) if name else picture


def _changes(shown: Shown, group: Group, weights: Weights) -> list[Measure]:
    """How often the answer changes, over images and elements; and how often resampling alone does that."""
    trial, words = shown.answers[group.name], DONE[group.name]
    found = [measured(f"changes:{group.name}", f"answers that change when the input is {words}",
                      _share(trial.moved, weights))]  # fmt: skip
    resampled = [place for place, element in enumerate(trial.elements) if not element.exact]
    if resampled:
        label = f"answers that change when it is {words} and moved back"
        found.append(measured(f"floor:{group.name}", label, _share(trial.back[:, resampled], weights)))
    return found


def _share(distances: NDArray[np.float64], weights: Weights) -> Estimate:
    return estimate(rate_interval((distances > 0).mean(axis=1), weights(len(distances))))


def _charts(shown: Shown) -> list[Chart]:
    return [
        _chart(shown, "Does the tap move with the input? (0: exactly)", "equivariance error", "error"),
        _chart(shown, "Does the tap stay as it is? (0: exactly)", "invariance error", "invariance"),
    ]


def _visible(chart: Chart) -> bool:
    """Whether there is more to see than rounding."""
    return any(value is not None and value.high > DEFAULT.exact for line in chart.lines for value in line.values)


def _chart(shown: Shown, title: str, y: str, number: str) -> Chart:
    """One line per group over the taps by depth; a gap where a tap is constant."""
    taps = list(dict.fromkeys(row.tap for row in shown.rows))
    found = {(row.tap, row.group.value): getattr(row, number) for row in shown.rows}
    lines = [
        Line(name=DONE[group.name], values=[_known(found[tap, group.name]) for tap in taps]) for group in shown.groups
    ]
    return Chart(title=title, y=y, x=taps, lines=lines)


def _known(found: Estimate) -> Estimate | None:
    return finite(found) if found.n else None
