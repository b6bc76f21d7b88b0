"""Rights that only a write proves are settled by the first write that needs them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cw_pipeline.sandbox.connectwise.rights import SEED_ROLE, Right
from cw_pipeline.warehouse.psa import right_uses
from cw_pipeline_tests.support.fake_msp import MARCH

if TYPE_CHECKING:
    from cw_pipeline_tests.support.fake_msp import Msp


def held(msp: Msp) -> dict[str, bool]:
    with msp.run.warehouse.transaction() as session:
        return {name: use.held for name, use in right_uses(session, msp.run.psa).items()}


def test_a_created_line_proves_add_and_a_corrected_one_edit(msp: Msp) -> None:
    msp.sync(MARCH)
    assert held(msp) == {"Finance > Agreements: Add": True}
    msp.use(6)
    msp.sync(MARCH)
    assert held(msp) == {"Finance > Agreements: Add": True, "Finance > Agreements: Edit": True}


def test_a_refused_write_proves_the_right_missing_until_granted(msp: Msp) -> None:
    msp.sandbox.connectwise.set_role(SEED_ROLE - {Right.AGREEMENTS_ADD})
    msp.sync(MARCH)
    assert held(msp) == {"Finance > Agreements: Add": False}
    msp.sandbox.connectwise.set_role(SEED_ROLE)
    msp.sync(MARCH)
    assert held(msp) == {"Finance > Agreements: Add": True}
    msp.sandbox.journal.clear()  # the refusal was asked for
