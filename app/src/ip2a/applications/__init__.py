"""An applicant's way into the training: apply, interview, decision."""
