"""Fold what is alike in a plan, so that a drawing stays small: `fold(plan)`.

| what                                              | is drawn as                             | module      |
|---------------------------------------------------|-----------------------------------------|-------------|
| a long sum, `a + b + c + ...`, or product         | one sum                                 | `sums.py`   |
| the samples of a batch; the many terms of a sum   | one of them, "× 20 samples"             | `copies.py` |
| the steps of a recurrent unit                     | one step, "× 12 steps"                  | `steps.py`  |
| any other long chain of operations                | its two ends, and "88 more operations"  | `chains.py` |

A fold changes nodes and edges of a plan, and notes what each of them stands for: `merging.py`. It knows no text.
"""

from autograd.views.draw.folding.chains import cut_chains
from autograd.views.draw.folding.copies import fold_copies
from autograd.views.draw.folding.merging import Limits
from autograd.views.draw.folding.steps import fold_steps
from autograd.views.draw.folding.sums import fold_sums
from autograd.views.draw.plan import Plan

USUAL_NODES = 200
_ROUNDS = 4  # a fold may make more nodes alike: the terms of a loss, once the steps before them are one


def fold(plan: Plan, max_nodes: int) -> None:
    """Fold a plan that is joined.

    Arguments:
        plan: what is changed.
        max_nodes: the largest number of nodes to draw. One who asks for more than usual asks for more details, too.
    """
    limits = Limits().times(max(1.0, max_nodes / USUAL_NODES))
    fold_sums(plan, limits)
    for _ in range(_ROUNDS):
        if not (fold_copies(plan, limits) or fold_steps(plan, limits)):
            break
    if len(plan.nodes) > limits.large:
        fold_copies(plan, limits, loosely=True)
    cut_chains(plan, limits)
