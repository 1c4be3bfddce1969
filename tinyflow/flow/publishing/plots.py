"""Draws what is known of benches once they have run, and writes it to `build/plots/`."""

from __future__ import annotations

import json
from pathlib import Path

from tinyflow.core.execute import Session
from tinyflow.flow.atomic_files import write_if_changed
from tinyflow.flow.planning.plots import Plotted, WantedPlot, draw
from tinyflow.flow.project import Project
from tinyflow.flow.publishing.views import Views
from tinyflow.flow.session.ledger import Ledger
from tinyflow.flow.streams import writing
from tinyflow.report.frame import frame_of
from tinyflow.report.plots import LeftOut, plot_of


def write_plot(
    name: str, plotted: Plotted, wanted: WantedPlot, session: Session, ledger: Ledger, project: Project, views: Views
) -> tuple[Path, str, LeftOut]:
    """The file, how it came about (built, a hit, up to date), and which benches aren't in it.

    Raises UsageError where nothing can be drawn, and what ended the drawing.
    """
    frame = frame_of(views.reports(plotted.benches)).with_metrics()
    rows = (frame.where(wanted.where) if wanted.where else frame).rows
    profiles = {
        bench: session.read_json(action, "profile.json")
        for bench, action in plotted.profiles.items()
        if session.is_current(action)
    }
    document, left_out = plot_of(wanted.kind, wanted.metric, rows, profiles)
    action = draw(name, wanted, json.loads(json.dumps(document)))
    done = session.bring_about(action)
    ledger.note(action, done)
    content = session.output_path(action, action.outputs[0]).read_bytes()
    if wanted.output:
        with writing(wanted.output) as path:
            path.write_bytes(content)
        return Path(wanted.output), done.outcome, left_out
    path = project.build / "plots" / f"{name}-{wanted.kind}.{wanted.format}"
    write_if_changed(path, content)
    return path, done.outcome, left_out
