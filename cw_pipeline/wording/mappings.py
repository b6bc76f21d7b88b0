"""What was done with mappings, in a sentence each, for the command line and the UI."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cw_pipeline.vocabulary import counted

if TYPE_CHECKING:
    from cw_pipeline.setup.mapping import Mapped, Unmapped
    from cw_pipeline.setup.mapping_file import Applied, Exported


def mapped_sentence(mapped: Mapped) -> str:
    """Which company is mapped to which organization, from when on."""
    return (
        f"{mapped.company_name} ({mapped.company_id}) with agreement {mapped.agreement_name} ({mapped.agreement_id}) "
        f"{'is now' if mapped.changed else 'was already'} mapped to {mapped.organization_name} "
        f"({mapped.organization_id}), {_since(mapped)}."
    )


def _since(mapped: Mapped) -> str:
    if not mapped.trial_months:
        return f"billed from {mapped.bill_from} on"
    paid = mapped.bill_from.plus(mapped.trial_months)
    months = counted(mapped.trial_months, "trial month")
    return f"with {months} from {mapped.bill_from} on that are billed to nobody, and billed from {paid} on"


def unmapped_sentence(unmapped: Unmapped) -> str:
    """Which company is no longer mapped to which organization."""
    return (
        f"{unmapped.company_name} ({unmapped.company_id}) is no longer mapped to {unmapped.organization_name} "
        f"({unmapped.organization_id}). Its lines in ConnectWise stay, and are billed as they are; no line of it is "
        "added or corrected any more."
    )


def written_sentence(written: Exported) -> str:
    """Where a mapping file is, and what is left to do in it."""
    return (
        f"{written.file} has {counted(written.mapped, 'mapping')}, {written.suggested} filled in because they are "
        f"certain, and {counted(written.unmapped, 'company', 'companies')} without a mapping. Complete it and apply it."
    )


def applied_sentence(applied: Applied) -> str:
    """How many rows of a mapping file did what."""
    return (
        f"{applied.mapped} mapped, {applied.remapped} remapped, {applied.unmapped} unmapped, {applied.unchanged} "
        f"unchanged. New mappings are billed from {applied.bill_from} on unless the file names another month."
    )
