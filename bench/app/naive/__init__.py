"""The baseline: what a competent FastAPI user writes by following the documentation of each library."""
