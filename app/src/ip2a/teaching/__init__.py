"""Who teaches, where, with which cohort and for how many hours; tools lent to students."""
