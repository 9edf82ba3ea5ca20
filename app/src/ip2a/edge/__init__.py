"""The outermost part of the platform: everything a request needs before and around FastAPI, as one ASGI
application.
"""
