"""Reports as files: asked for in a request, made by the worker, kept for a week."""
