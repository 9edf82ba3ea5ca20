"""Pre-apprenticeship training: students, courses, class sessions, attendance, grades, certifications."""
