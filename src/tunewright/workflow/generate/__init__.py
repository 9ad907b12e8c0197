"""The stages of `task: generate`, in their order: a study of answers that are written.

`search`, `curve` and `report` are those of every task; what trains, answers and judges differs.
"""

from tunewright.workflow.generate.calibrate import AUDIT_TEXTS, CALIBRATE_WRITING
from tunewright.workflow.generate.candidates import TEXT_CANDIDATES_STAGE
from tunewright.workflow.generate.evidence import TEXT_EVIDENCE, TEXT_VERDICT
from tunewright.workflow.generate.final import FINAL_WRITERS
from tunewright.workflow.generate.plan import PLAN_WRITING
from tunewright.workflow.generate.test import TEST_TEXTS
from tunewright.workflow.session import Stage
from tunewright.workflow.stages.curve import CURVE
from tunewright.workflow.stages.data import DATA
from tunewright.workflow.stages.report import REPORT
from tunewright.workflow.stages.search import SEARCH

STAGES: tuple[Stage, ...] = (
    DATA,  # read every file, split, seal the test answers
    CALIBRATE_WRITING,  # how to compute on this machine, and how long things take
    AUDIT_TEXTS,  # what is wrong with the data
    PLAN_WRITING,  # what will run, and what the test set can tell
    TEXT_CANDIDATES_STAGE,  # everything that needs no training, on dev
    SEARCH,  # the recipe, by the loss on dev
    CURVE,  # is more data worth it
    FINAL_WRITERS,  # the recipe on all the data; every finalist answers the test rows
    TEST_TEXTS,  # the test set is opened, once
    TEXT_EVIDENCE,  # every number
    TEXT_VERDICT,  # the decision
    REPORT,  # the page
)

__all__ = ["STAGES"]
