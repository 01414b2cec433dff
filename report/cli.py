"""`neudash report`: what the models gained and what they cost."""

from __future__ import annotations

import argparse
import os
from functools import cache

from console.command import command, command_parser
from console.options import bundle_folder, video_file, whole_number
from console.outputs import check_outputs, output_ending_in, output_file, results_to, write_json, write_output
from console.text import counted
from manifests.files import check_writable, publish_file
from manifests.names import QUALITY, REPORT
from manifests.provenance import read_provenance
from player.superres.engines import BACKENDS, ENGINES, Engine, open_engine
from report.choices import choices_of
from report.dominated import dominated_rungs, leave_out
from report.page import headline, page
from report.results import RungResult, quality_json
from report.run import clearest_pictures, measured_rungs, open_subject
from report.saving import Saving, saving_of
from report.table import publish_quality

_EXAMPLE = """example:
  neudash report holiday/ --source holiday.mp4

The report goes into the bundle as report.html; the page of `neudash serve` links to it. Rungs that were measured before
and have not changed since are taken from the bundle's quality.json."""


@command("neudash report", interrupted="stopped; the same command goes on after the last rung it finished")
def main(argv: list[str]) -> int:
    """Run the command. Returns its exit code."""
    options = _parser().parse_args(argv)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # TensorFlow greets at length
    # All outputs are checked first: measuring takes minutes.
    outputs = [path for path in (options.output, options.json) if path]
    check_outputs(outputs, [options.source])
    subject = open_subject(options.bundle, options.source)
    for path in (options.bundle / QUALITY, options.bundle / REPORT):
        check_writable(path)
    width, height = subject.output.width, subject.output.height

    @cache
    def engine() -> Engine:
        # Opened when the first model is met: a bundle without any needs none.
        return open_engine(options.engine, options.backend)

    rungs = measured_rungs(subject, engine, options.every, fresh=options.fresh, quiet=options.quiet)
    dominated = dominated_rungs(rungs)
    if options.prune and dominated:
        names = {rung.id for rung in dominated}
        leave_out(options.bundle, [*names])
        subject, rungs = open_subject(options.bundle, options.source), [r for r in rungs if r.id not in names]
    # Published before the page is made: players can use the table even if drawing fails.
    publish_quality(options.bundle, rungs)
    pictures = clearest_pictures(subject, engine, rungs, quiet=options.quiet)
    title = subject.bundle.presentation.title or subject.bundle.root.resolve().name
    provenance = read_provenance(options.bundle)
    choices, saving = choices_of(provenance.training), saving_of(provenance.packaging.ladder, rungs)
    html = page(title, width, height, rungs, pictures, choices, saving).encode()
    publish_file(options.bundle / REPORT, html)
    if options.output:
        write_output(options.output, html)
    if options.json:
        write_json(options.json, quality_json(width, height, rungs))
    told = results_to(outputs)
    for rung in rungs:
        told.write(_line(rung, rungs) + "\n")
    for beaten in dominated:
        fate = "left out" if options.prune else "--prune leaves it out"
        told.write(f"{beaten.id}: {beaten.by} shows no worse a picture for no more bytes; {fate}\n")
    if saving is not None:
        told.write(_saving_line(saving) + "\n")
    told.write(f"report: {options.output or options.bundle / REPORT}\n")
    return 0


def _line(rung: RungResult, rungs: list[RungResult]) -> str:
    plain, played = rung.plain_scores, rung.played_scores
    name = f"{rung.id} ({rung.width}x{rung.height}, {rung.video_bytes} bytes)"
    if not rung.enhanced:
        return f"{name}: {plain.psnr_y:.2f} dB PSNR-Y, plain"
    facts = headline(rung, rungs)
    neg = "" if facts.vmaf_neg_gain is None else f", {facts.vmaf_neg_gain:+.1f} VMAF-NEG"
    return (
        f"{name}: {plain.psnr_y:.2f} dB PSNR-Y plain, {played.psnr_y:.2f} enhanced ({facts.gain_db:+.2f} dB{neg})"
        f" for {rung.model_bytes} model bytes ({facts.model_share:.2%})"
    )


def _saving_line(saving: Saving) -> str:
    more = "fewer" if saving.vmaf_neg < 0 else "more"
    return (
        f"against the best plain ladder of {counted(saving.rungs, 'rung')}: {abs(saving.vmaf_neg):.1f} % {more} bytes "
        "at equal VMAF-NEG, models included"
    )


def _parser() -> argparse.ArgumentParser:
    parser = command_parser(
        "neudash report",
        "Measure every rung of a bundle against its source, plain and enhanced, and show what was gained.",
        _EXAMPLE,
    )
    parser.add_argument("bundle", type=bundle_folder, metavar="BUNDLE", help="folder that `neudash package` made")
    parser.add_argument(
        "--source", type=video_file, required=True, metavar="VIDEO", help="the video it was packaged from"
    )
    parser.add_argument(
        "-o",
        "--output",
        type=output_ending_in(".html", ".htm"),
        metavar="FILE.html",
        help="also write the report there: one file, opens offline",
    )
    parser.add_argument(
        "--json", type=output_file, metavar="FILE", help="also write the figures of quality.json to FILE"
    )
    parser.add_argument(
        "--every",
        type=whole_number(0),
        default=1,
        metavar="N",
        help="take VMAF of every Nth frame; 0 leaves it out (default: %(default)s)",
    )
    parser.add_argument(
        "--prune", action="store_true", help="leave rungs out that another beats with fewer bytes, models included"
    )
    parser.add_argument("--fresh", action="store_true", help="measure again what quality.json knows")
    parser.add_argument(
        "--engine", choices=ENGINES, default="auto", help="what runs the networks (default: %(default)s)"
    )
    parser.add_argument(
        "--backend", choices=BACKENDS, help="of the engine keras (default: KERAS_BACKEND, else tensorflow)"
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="no progress bars")
    return parser
