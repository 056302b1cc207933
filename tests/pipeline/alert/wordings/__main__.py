"""`python -m tests.pipeline.alert.wordings`: writes report.md."""

from tests.pipeline.alert.wordings.table import FOLDER, render_report

(FOLDER / "report.md").write_text(render_report(), encoding="utf-8")
print(render_report(), end="")
