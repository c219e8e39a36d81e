"""All scenes in the order of the page: each module puts its own on the list when it is read."""

from __future__ import annotations

from tests.scenes import families, late_filings, lives, papers, travellers
from tests.scenes.told import SCENES, Scene

__all__ = ["NAMED", "SCENES", "families", "late_filings", "lives", "papers", "travellers"]

NAMED: tuple[tuple[str, Scene], ...] = (
    ("emergency appendectomy of a traveller", travellers.an_emergency_appendectomy),
    ("chronic patient in two cities", travellers.a_chronic_patient_in_two_cities),
    ("gallstone operation paid the same day", families.a_gallstone_operation_paid_the_same_day),
    ("parent, treatment and account in three provinces",
     families.a_parent_a_child_and_a_commercial_product),
    ("business traveller: check-up and illness", travellers.a_business_travellers_check_up),
    ("migrant worker's appendicitis at 70 %", travellers.a_migrant_workers_appendicitis),
    ("retired long-term resident at 85 %", travellers.a_retired_persons_outpatient_bill),
    ("forgotten filing, day five of a stay", late_filings.a_filing_on_day_five),
    ("filing after discharge", late_filings.a_filing_after_the_discharge),
    ("line down at discharge", travellers.a_line_that_was_down),
    ("death in hospital", travellers.a_death_in_hospital),
    ("newborn", lives.a_newborn),
    ("forged amount on a manual claim", papers.a_forged_amount),
    ("person insured twice", papers.a_person_insured_twice),
)  # fmt: skip
"""What section H of the issue on care asks for, and the scene that tells it."""
