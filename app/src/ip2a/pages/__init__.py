"""Server-rendered HTML for people: thin, on top of the same services as the API, complete without
JavaScript.
"""
