"""Proposing a reading plan from the names, shapes and types of a whole set of arrays."""

from analysis.dumps.proposal.proposal import Proposal, Question, propose_plan

__all__ = ["Proposal", "Question", "propose_plan"]
