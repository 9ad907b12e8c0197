"""The stages of a run, in their order. This list is the workflow."""

from tunewright.workflow.session import Stage
from tunewright.workflow.stages.audit import AUDIT
from tunewright.workflow.stages.calibrate import CALIBRATE
from tunewright.workflow.stages.candidates import CANDIDATES_STAGE
from tunewright.workflow.stages.curve import CURVE
from tunewright.workflow.stages.data import DATA
from tunewright.workflow.stages.evidence import EVIDENCE, VERDICT
from tunewright.workflow.stages.final import FINAL
from tunewright.workflow.stages.plan import PLAN
from tunewright.workflow.stages.report import REPORT
from tunewright.workflow.stages.search import SEARCH
from tunewright.workflow.stages.test import TEST_STAGE

STAGES: tuple[Stage, ...] = (
    DATA,  # read every file, split, seal the test answers
    CALIBRATE,  # how to compute on this machine, and how long things take
    AUDIT,  # what is wrong with the data
    PLAN,  # what will run, and what the test set can tell
    CANDIDATES_STAGE,  # everything that needs no training, on dev
    SEARCH,  # the recipe
    CURVE,  # is more data worth it
    FINAL,  # the recipe on all the data, with several seeds; the other finalists too
    TEST_STAGE,  # the test set is opened, once
    EVIDENCE,  # every number
    VERDICT,  # the decision
    REPORT,  # the page
)

STAGE_NAMES = tuple(stage.name for stage in STAGES)

__all__ = ["PLAN", "STAGES", "STAGE_NAMES"]
